using LineServer.Storage.Internal.Files;

namespace LineServer.Storage.Tests.Disk;

/// <summary>
/// A disk in memory, with a page cache in front of it. What was not synced may be lost at a crash of the machine, in any
/// combination; a crash of the process loses nothing. Calls can be made to fail.
/// </summary>
internal sealed class SimulatedDisk(Random random) : IStoreFiles
{
    private readonly Random _random = random;
    private readonly SimulatedDirectory _root = new();
    private int _incarnation;

    /// <summary>The calls that change something, so far.</summary>
    public int Calls { get; private set; }

    /// <summary>The call in which the process or the machine ends.</summary>
    public int CrashesAt { get; set; } = int.MaxValue;

    /// <summary>The next syncs of files fail, each with a chance of one in so many; 0 for none.</summary>
    public int SyncFailsOneIn { get; set; }

    /// <summary>The next writes fail after a part, each with a chance of one in so many; 0 for none.</summary>
    public int WriteFailsOneIn { get; set; }

    /// <summary>The bytes whose write-back was asked for since the last sync of a file: they lie before the next commit.</summary>
    public long InFlight { get; private set; }

    /// <inheritdoc cref="InFlight"/>
    public long MostInFlight { get; private set; }

    /// <summary>True while files must not grow.</summary>
    public bool IsFull { get; set; }

    /// <summary>The process has ended: its open files are gone, and the page cache stays.</summary>
    public void EndProcess()
    {
        _incarnation++;
        CrashesAt = int.MaxValue;
    }

    /// <summary>The machine has ended.</summary>
    public void EndMachine()
    {
        EndProcess();
        _root.Crash(_random);
    }

    public SimulatedFile? Find(string path) => Resolve(path) as SimulatedFile;

    public long Room => IsFull ? 0 : long.MaxValue;

    public void CreateDirectory(string path)
    {
        if (Resolve(path) is SimulatedDirectory)
        {
            return;
        }

        Step();
        var made = new SimulatedDirectory();
        ParentOf(path, out string name).Change(entries => entries[name] = made);
    }

    public IReadOnlyList<string> List(string path) => Resolve(path) is SimulatedDirectory directory ? [.. directory.Entries.Keys] : [];

    public long? LengthOf(string path) => Find(path)?.Length;

    public DateTimeOffset? WrittenAt(string path) => Find(path)?.WrittenAt;

    public IStoreFile Open(string path)
    {
        if (Find(path) is not { } file)
        {
            Step();
            file = new SimulatedFile();
            ParentOf(path, out string name).Change(entries => entries[name] = file);
        }

        return new Handle(this, file);
    }

    public IStoreFile OpenRead(string path) => new Handle(this, Find(path) ?? throw new FileNotFoundException(path));

    public void Rename(string from, string to)
    {
        Step();
        object moved = Resolve(from) ?? throw new FileNotFoundException(from);
        SimulatedDirectory source = ParentOf(from, out string oldName);
        SimulatedDirectory target = ParentOf(to, out string newName);
        if (source == target)
        {
            source.Change(entries =>
            {
                entries.Remove(oldName);
                entries[newName] = moved;
            });
            return;
        }

        target.Change(entries => entries[newName] = moved);
        source.Change(entries => entries.Remove(oldName));
    }

    public void Delete(string path)
    {
        if (Resolve(path) is not null)
        {
            Step();
            ParentOf(path, out string name).Change(entries => entries.Remove(name));
        }
    }

    public void DeleteDirectory(string path) => Delete(path);

    public void SyncDirectory(string path)
    {
        Step();
        ((SimulatedDirectory)Resolve(path)!).Sync();
    }

    private SimulatedDirectory ParentOf(string path, out string name)
    {
        int slash = path.LastIndexOf('/');
        name = path[(slash + 1)..];
        return Resolve(slash < 0 ? string.Empty : path[..slash]) as SimulatedDirectory ?? throw new DirectoryNotFoundException(path);
    }

    private object? Resolve(string path)
    {
        object? found = _root;
        foreach (string part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            found = (found as SimulatedDirectory)?.Entries.GetValueOrDefault(part);
        }

        return found;
    }

    private void Step()
    {
        if (++Calls >= CrashesAt)
        {
            throw new MachineCrashedException();
        }
    }

    private bool Happens(int oneIn) => oneIn > 0 && _random.Next(oneIn) == 0;

    private sealed class Handle(SimulatedDisk disk, SimulatedFile file) : IStoreFile
    {
        private readonly int _incarnation = disk._incarnation;

        public long Length => file.Length;

        public int Read(Span<byte> buffer, long offset)
        {
            ReadOnlySpan<byte> from = file.Cached[(int)Math.Min(offset, file.Length)..];
            int count = Math.Min(from.Length, buffer.Length);
            from[..count].CopyTo(buffer);
            return count;
        }

        public void Write(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset)
        {
            ThrowIfStale();
            byte[] all = [.. buffers.SelectMany(buffer => buffer.ToArray())];
            if (disk.IsFull && offset + all.Length > file.Length)
            {
                throw new IOException("No space left on device");
            }

            bool fails = disk.Happens(disk.WriteFailsOneIn);
            bool crashes = disk.Calls + 1 >= disk.CrashesAt;
            int written = fails || crashes ? disk._random.Next(all.Length + 1) : all.Length;
            file.Write(all.AsSpan(0, written), (int)offset);
            disk.Step();
            if (fails)
            {
                throw new IOException("Input/output error");
            }
        }

        public void SetLength(long length)
        {
            ThrowIfStale();
            disk.Step();
            file.SetLength((int)length);
        }

        public void Sync()
        {
            ThrowIfStale();
            disk.InFlight = 0;
            disk.Step();
            if (disk.Happens(disk.SyncFailsOneIn))
            {
                file.FailSync(disk._random);
                throw new IOException("Input/output error");
            }

            file.Sync();
        }

        public void BeginWriteBack(long offset, long length)
        {
            ThrowIfStale();
            disk.InFlight += length;
            disk.MostInFlight = Math.Max(disk.MostInFlight, disk.InFlight);
        }

        public void Dispose()
        {
        }

        private void ThrowIfStale() => Assert.True(_incarnation == disk._incarnation, "a file of an earlier process is used");
    }
}
