namespace LineServer.Storage.Internal.Commit;

/// <summary>
/// Lines that wait for their commit, in the order in which they came, and the memory they lie in. Call all of it under
/// the store's lock.
/// </summary>
internal sealed class Gathering(int maxCommitSize)
{
    // What was in use a moment ago is kept: the kernel clears new memory before it gives it. Trim() frees it.
    private const int MaxSpareChunks = 256;
    private const int MaxSpareGroups = 64;

    private readonly Queue<Group> _full = new();
    private readonly Stack<Chunk> _spareChunks = new();
    private readonly Stack<Group> _spareGroups = new();
    private int _unneededChunks; // the fewest spare ones since the last trim
    private Group _open = new();
    private Chunk _chunk = new(Chunk.UsualSize) { Users = 1 };

    public void Add(Attachment attachment, ItemKind kind) => _open.Add(attachment, kind);

    /// <summary>Copies lines. Returns what they cost.</summary>
    public int AddLines(Attachment attachment, ReadOnlySpan<byte> lines, int count)
    {
        // New memory comes first. If there is none, nothing has changed: no group is committed twice, and no chunk is shared.
        if (_open.Cost > 0 && _open.Cost + lines.Length > maxCommitSize)
        {
            Group next = NewGroup();
            _full.Enqueue(_open);
            _open = next;
        }

        if (_chunk.Room < lines.Length)
        {
            Chunk next = NewChunk(lines.Length);
            Release(_chunk);
            _chunk = next;
        }

        int start = _chunk.Used;
        lines.CopyTo(_chunk.Bytes.AsSpan(start));
        _chunk.Used += lines.Length;
        return _open.AddLines(attachment, _chunk, start, lines.Length, count);
    }

    /// <summary>Takes the next group to be committed.</summary>
    public Group? Take()
    {
        if (_full.TryDequeue(out Group? group))
        {
            return group;
        }

        if (_open.IsEmpty)
        {
            return null;
        }

        group = _open;
        _open = NewGroup();
        return group;
    }

    /// <summary>A group has been committed and applied.</summary>
    public void Release(Group group)
    {
        foreach (Chunk chunk in group.Chunks)
        {
            Release(chunk);
        }

        group.Clear();
        if (_spareGroups.Count < MaxSpareGroups)
        {
            _spareGroups.Push(group);
        }
    }

    /// <summary>Frees the memory that has been spare since the last call.</summary>
    public void Trim()
    {
        while (_unneededChunks-- > 0)
        {
            _spareChunks.Pop();
        }

        _unneededChunks = _spareChunks.Count;
    }

    private void Release(Chunk chunk)
    {
        if (--chunk.Users == 0 && chunk.Bytes.Length == Chunk.UsualSize && _spareChunks.Count < MaxSpareChunks)
        {
            chunk.Used = 0;
            _spareChunks.Push(chunk);
        }
    }

    private Group NewGroup() => _spareGroups.TryPop(out Group? spare) ? spare : new Group();

    private Chunk NewChunk(int size)
    {
        Chunk chunk = size <= Chunk.UsualSize && _spareChunks.TryPop(out Chunk? spare) ? spare : new Chunk(Math.Max(size, Chunk.UsualSize));
        _unneededChunks = Math.Min(_unneededChunks, _spareChunks.Count);
        chunk.Users = 1;
        return chunk;
    }
}
