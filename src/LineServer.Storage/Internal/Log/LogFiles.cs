using LineServer.Storage.Internal.Files;

namespace LineServer.Storage.Internal.Log;

/// <summary>
/// The log: four files in turn, filled with zeros before use, so that a commit changes no metadata and one fdatasync
/// writes nothing else. A file is used again when a checkpoint covers all that is in it.
/// </summary>
/// <remarks>The committer writes. The applier may prepare a file that is not in use.</remarks>
internal sealed class LogFiles : IDisposable
{
    public const int Count = 4;
    public const string Directory = "log";

    /// <summary>
    /// A file that is being filled. It gets its name when it is synced: after a failed sync, no later one can be trusted
    /// with what was never on the disk.
    /// </summary>
    public const string Unfilled = "log/unfilled";

    private const int ZeroBlock = 1024 * 1024;

    private readonly IStoreFiles _files;
    private readonly int _size;
    private readonly Lock _preparing = new();
    private readonly IStoreFile?[] _prepared = new IStoreFile?[Count];
    private readonly long[] _lastLsn = new long[Count];
    private int _current;
    private long _offset;

    public LogFiles(IStoreFiles files, int size)
    {
        _files = files;
        _size = size;
        Prepare(0);
    }

    /// <summary>True if the file in use is half full, and the next one is not prepared.</summary>
    public bool IsNextDue => Volatile.Read(ref _offset) >= _size / 2 && Volatile.Read(ref _prepared[(Volatile.Read(ref _current) + 1) % Count]) is null;

    public static string PathOf(int file) => $"{Directory}/{file}";

    /// <summary>For the applier: prepares the file after the one in use.</summary>
    public void PrepareNext() => Prepare((Volatile.Read(ref _current) + 1) % Count);

    /// <summary>
    /// Makes room for a frame. Returns false if the next file still holds frames that no checkpoint covers.
    /// </summary>
    public bool TryReserve(long size, long checkpointedLsn)
    {
        if (_offset + size <= _size)
        {
            return true;
        }

        int next = (_current + 1) % Count;
        if (_lastLsn[next] > checkpointedLsn)
        {
            return false;
        }

        Prepare(next);
        Volatile.Write(ref _offset, 0);
        Volatile.Write(ref _current, next);
        return true;
    }

    /// <summary>Writes a frame, for which there is room. The buffers are padded already.</summary>
    public void Write(IReadOnlyList<ReadOnlyMemory<byte>> frame, long size, long lsn)
    {
        _prepared[_current]!.Write(frame, _offset);
        Volatile.Write(ref _offset, _offset + size);
        _lastLsn[_current] = lsn;
    }

    public void Sync() => _prepared[_current]!.Sync();

    public void Dispose()
    {
        foreach (IStoreFile? file in _prepared)
        {
            file?.Dispose();
        }
    }

    private void Prepare(int file)
    {
        lock (_preparing)
        {
            if (_prepared[file] is not null)
            {
                return;
            }

            bool isFilled = _files.LengthOf(PathOf(file)) == _size;
            IStoreFile opened = _files.Open(isFilled ? PathOf(file) : Unfilled);
            try
            {
                if (!isFilled)
                {
                    Fill(opened);
                    _files.Rename(Unfilled, PathOf(file));
                }

                // Always: whoever made the file may have ended before this.
                _files.SyncDirectory(Directory);
            }
            catch
            {
                opened.Dispose();
                throw;
            }

            Volatile.Write(ref _prepared[file], opened);
        }
    }

    private void Fill(IStoreFile file)
    {
        file.SetLength(0);
        ReadOnlyMemory<byte> zeros = new byte[Math.Min(ZeroBlock, _size)];
        try
        {
            for (long offset = 0; offset < _size; offset += zeros.Length)
            {
                file.Write([zeros[..(int)Math.Min(zeros.Length, _size - offset)]], offset);
            }

            file.Sync();
        }
        catch (IOException)
        {
            // On a full disk, the recovery needs what the zeros have taken.
            file.SetLength(0);
            throw;
        }
    }
}
