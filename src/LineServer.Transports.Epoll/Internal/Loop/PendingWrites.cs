namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// The pending writes of a group of connections: small flushes that are sent after the whole group has been
/// handled. The bytes stay in the array to which they were written. Only the loop's thread uses it.
/// </summary>
internal sealed class PendingWrites(int capacity)
{
    /// <summary>
    /// The maximum size of a pending write, in bytes. Sending a larger one takes the kernel longer than
    /// waiting saves.
    /// </summary>
    public const int MaxSize = 4096;

    private readonly Entry[] _entries = new Entry[capacity];
    private int _count;

    /// <summary>Keeps a write and its array. Returns false if it is too large or no place is left.</summary>
    public bool TryAdd(IPendingWriter writer, byte[] array, int start, int end)
    {
        if (end - start > MaxSize || _count == _entries.Length)
        {
            return false;
        }

        _entries[_count++] = new Entry { Writer = writer, Array = array, Start = start, End = end };
        return true;
    }

    /// <summary>
    /// Appends a copy of more bytes to a writer's pending write. Returns false if it has none, or no room for them.
    /// </summary>
    public bool TryAppend(IPendingWriter writer, ReadOnlySpan<byte> bytes)
    {
        foreach (ref Entry entry in _entries.AsSpan(0, _count))
        {
            if (entry.Writer == writer)
            {
                int end = entry.End + bytes.Length;
                if (end > entry.Array.Length || end - entry.Start > MaxSize)
                {
                    return false;
                }

                bytes.CopyTo(entry.Array.AsSpan(entry.End));
                entry.End = end;
                return true;
            }
        }

        return false;
    }

    /// <summary>Sends one writer's bytes early, before more bytes that follow them.</summary>
    public void Send(IPendingWriter writer)
    {
        for (int i = 0; i < _count; i++)
        {
            if (_entries[i].Writer == writer)
            {
                Send(ref _entries[i]);
            }
        }
    }

    /// <summary>Sends all pending writes, in order.</summary>
    public void SendAll()
    {
        for (int i = 0; i < _count; i++)
        {
            if (_entries[i].Writer is not null)
            {
                Send(ref _entries[i]);
            }
        }

        _count = 0;
    }

    private static void Send(ref Entry entry)
    {
        Entry it = entry;
        entry = default;
        it.Writer!.SendPending(it.Array, it.Start, it.End);
    }

    private struct Entry
    {
        public IPendingWriter? Writer; // null once sent
        public byte[] Array;
        public int Start;
        public int End;
    }
}
