using LineServer.Storage.Internal.Files;

namespace LineServer.Storage.Tests.Disk;

/// <summary>Real files, used by several threads, whose calls fail as often as a test says, and with what it says.</summary>
internal sealed class FaultyFiles(IStoreFiles files, int seed) : IStoreFiles
{
    private readonly Random _random = new(seed);
    private int _failsOneIn;

    /// <summary>The next calls fail, each with a chance of one in so many; 0 for none.</summary>
    public int FailsOneIn
    {
        get => Volatile.Read(ref _failsOneIn);
        set => Volatile.Write(ref _failsOneIn, value);
    }

    /// <summary>The files that are open.</summary>
    public int OpenFiles => Volatile.Read(ref _openFiles);

    private int _openFiles;

    public long Room
    {
        get
        {
            Step();
            return files.Room;
        }
    }

    public void CreateDirectory(string path)
    {
        Step();
        files.CreateDirectory(path);
    }

    public IReadOnlyList<string> List(string path)
    {
        Step();
        return files.List(path);
    }

    public long? LengthOf(string path)
    {
        Step();
        return files.LengthOf(path);
    }

    public DateTimeOffset? WrittenAt(string path) => files.WrittenAt(path);

    public IStoreFile Open(string path)
    {
        Step();
        return new Handle(this, files.Open(path));
    }

    public IStoreFile OpenRead(string path)
    {
        Step();
        return new Handle(this, files.OpenRead(path));
    }

    public void Rename(string from, string to)
    {
        Step();
        files.Rename(from, to);
    }

    public void Delete(string path)
    {
        Step();
        files.Delete(path);
    }

    public void DeleteDirectory(string path) => files.DeleteDirectory(path);

    public void SyncDirectory(string path)
    {
        Step();
        files.SyncDirectory(path);
    }

    private void Step()
    {
        int oneIn = FailsOneIn;
        if (oneIn == 0)
        {
            return;
        }

        int chance;
        lock (_random)
        {
            chance = _random.Next(oneIn * 3);
        }

        switch (chance)
        {
            case 0:
                throw new IOException("Input/output error");
            case 1:
                throw new UnauthorizedAccessException("Permission denied");
            case 2:
#pragma warning disable CA2201, MA0012 // What the runtime throws.
                throw new OutOfMemoryException();
#pragma warning restore CA2201, MA0012
            default:
                break;
        }
    }

    private sealed class Handle : IStoreFile
    {
        private readonly FaultyFiles _files;
        private readonly IStoreFile _file;
        private int _isDisposed;

        public Handle(FaultyFiles files, IStoreFile file)
        {
            (_files, _file) = (files, file);
            Interlocked.Increment(ref _files._openFiles);
        }

        public long Length => _file.Length;

        public int Read(Span<byte> buffer, long offset)
        {
            _files.Step();
            return _file.Read(buffer, offset);
        }

        public void Write(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset)
        {
            _files.Step();
            _file.Write(buffers, offset);
        }

        public void SetLength(long length)
        {
            _files.Step();
            _file.SetLength(length);
        }

        // Not on the disk: a few thousand a second, whatever the machine.
        public void Sync() => _files.Step();

        public void BeginWriteBack(long offset, long length)
        {
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
            {
                _file.Dispose();
                Interlocked.Decrement(ref _files._openFiles);
            }
        }
    }
}
