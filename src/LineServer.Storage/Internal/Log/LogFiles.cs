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

    // Each block is synced: a commit waits behind what is on its way to the disk.
    private const int ZeroBlock = 512 * 1024;

    private readonly IStoreFiles _files;
    private readonly int _size;
    private readonly byte[] _zeros;
    private readonly Lock _preparing = new();
    private readonly IStoreFile?[] _prepared = new IStoreFile?[Count];
    private IStoreFile? _unfilled; // and how far it has come
    private long _filled;
    private readonly long[] _lastLsn = new long[Count];
    private int _current;
    private long _offset;

    public LogFiles(IStoreFiles files, int size)
    {
        _files = files;
        _size = size;
        _zeros = new byte[Math.Min(ZeroBlock, size)];
        try
        {
            Prepare(0);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>True if the file in use is half full, and the next one is not prepared.</summary>
    public bool IsNextDue => Volatile.Read(ref _offset) >= _size / 2 && Volatile.Read(ref _prepared[(Volatile.Read(ref _current) + 1) % Count]) is null;

    public static string PathOf(int file) => $"{Directory}/{file}";

    /// <summary>
    /// For the applier: prepares a part of the file after the one in use, which is done before this one is full.
    /// </summary>
    /// <param name="applied">The bytes that were applied since the last call.</param>
    public void PrepareNext(long applied)
    {
        lock (_preparing)
        {
            int next = (Volatile.Read(ref _current) + 1) % Count;
            // Begun when half of a file is left, at twice the pace of the commits and a block more.
            for (long filled = 0; _prepared[next] is null && filled <= 2 * applied; filled += ZeroBlock)
            {
                PrepareSome(next);
            }
        }
    }

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
        _unfilled?.Dispose();
        foreach (IStoreFile? file in _prepared)
        {
            file?.Dispose();
        }
    }

    private void Prepare(int file)
    {
        lock (_preparing)
        {
            while (_prepared[file] is null)
            {
                PrepareSome(file);
            }
        }
    }

    /// <summary>Opens the file if it is filled, or fills the next block of it.</summary>
    private void PrepareSome(int file)
    {
        if (_unfilled is null && _files.LengthOf(PathOf(file)) == _size)
        {
            Use(file, _files.Open(PathOf(file)));
            return;
        }

        _unfilled ??= _files.Open(Unfilled);
        try
        {
            Fill(_unfilled);
        }
        catch (IOException)
        {
            // On a full disk, the recovery needs what the zeros have taken.
            _filled = 0;
            _unfilled.SetLength(0);
            throw;
        }

        if (_filled == _size)
        {
            _files.Rename(Unfilled, PathOf(file));
            IStoreFile filled = _unfilled;
            (_unfilled, _filled) = (null, 0);
            Use(file, filled);
        }
    }

    private void Fill(IStoreFile file)
    {
        if (_filled == 0)
        {
            file.SetLength(0);
        }

        // A disk without room for all of it is full now, while what it has is still the lines'. (To reserve the file at once
        // would take other blocks with each attempt, and a disk that is thinner than it looks has none of those.)
        if (_files.Room is var room && room < _size - _filled)
        {
            throw new IOException($"{Unfilled}: {_size - _filled} more bytes are needed, and the disk has {room}");
        }

        int length = (int)Math.Min(_zeros.Length, _size - _filled);
        file.Write([_zeros.AsMemory(0, length)], _filled);
        file.Sync();
        _filled += length;
    }

    private void Use(int file, IStoreFile opened)
    {
        try
        {
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
