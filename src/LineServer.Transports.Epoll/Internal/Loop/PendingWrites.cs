namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Small writes of a group of connections, kept until all of the group have been handled. The bytes stay in the array to
/// which they were written. The loop's thread alone uses it.
/// </summary>
internal sealed class PendingWrites(int capacity)
{
    /// <summary>The most bytes of a write. More is sent at once: the kernel takes longer for it than is saved.</summary>
    public const int MaxSize = 4096;

    private readonly Entry[] _entries = new Entry[capacity];
    private int _count;

    /// <summary>Keeps bytes, and with them the array. False: they are too many, or there is no room.</summary>
    public bool TryAdd(IPendingWriter writer, byte[] array, int start, int end)
    {
        if (end - start > MaxSize || _count == _entries.Length)
        {
            return false;
        }

        _entries[_count++] = new Entry { Writer = writer, Array = array, Start = start, End = end };
        return true;
    }

    /// <summary>Sends the bytes of one writer: more of it follows.</summary>
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

    /// <summary>Sends everything, in the order in which it came.</summary>
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
        public IPendingWriter? Writer; // null when it was sent
        public byte[] Array;
        public int Start;
        public int End;
    }
}
