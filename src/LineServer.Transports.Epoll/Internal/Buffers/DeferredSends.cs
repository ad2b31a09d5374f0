namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Small sends of a group of connections, kept until all of the group have been handled. The bytes are copied, so the arrays that they were written to are used
/// by the next connection while they are hot. The loop's thread alone uses it.
/// </summary>
internal sealed class DeferredSends
{
    /// <summary>Bytes of one; more is sent at once: it takes the kernel longer than what is saved.</summary>
    public const int MaxSize = 4096;

    private readonly byte[] _bytes;
    private readonly Entry[] _entries;
    private int _count;

    /// <param name="capacity">How many there are at most.</param>
    public DeferredSends(int capacity)
    {
        _bytes = new byte[capacity * MaxSize];
        _entries = new Entry[capacity];
    }

    /// <summary>Keeps bytes; false if they are too many, or there are too many already.</summary>
    public bool TryAdd(IDeferringSender sender, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > MaxSize || _count == _entries.Length)
        {
            return false;
        }

        int start = _count == 0 ? 0 : _entries[_count - 1].End;
        bytes.CopyTo(_bytes.AsSpan(start));
        _entries[_count++] = new Entry { Sender = sender, Start = start, End = start + bytes.Length };
        return true;
    }

    /// <summary>Sends what is kept of one sender: more of it follows.</summary>
    public void Send(IDeferringSender sender)
    {
        for (int i = 0; i < _count; i++)
        {
            if (_entries[i].Sender == sender)
            {
                Send(ref _entries[i]);
            }
        }
    }

    /// <summary>Sends everything, in the order in which it came.</summary>
    public void SendAll()
    {
        for (int i = 0; i < _count; i++)
        {
            if (_entries[i].Sender is not null)
            {
                Send(ref _entries[i]);
            }
        }

        _count = 0;
    }

    private void Send(ref Entry entry)
    {
        IDeferringSender sender = entry.Sender!;
        entry.Sender = null;
        sender.SendDeferred(_bytes.AsSpan(entry.Start, entry.End - entry.Start));
    }

    private struct Entry
    {
        public IDeferringSender? Sender; // null when it was sent
        public int Start;
        public int End;
    }
}
