using System.Buffers;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// A FIFO of written bytes that fill more than one array, or that the kernel did not take at once.
/// </summary>
/// <remarks>Callers hold its lock: the writer's owner adds, the loop sends.</remarks>
internal sealed class OutboundQueue
{
    /// <summary>
    /// The flush that waits for room. It is here, not in the writer, because most connections on a loop never need one.
    /// </summary>
    public PipeWait Wait;

    // More are worth a piece of their own.
    private const int LargestAppended = 1024;

    private Piece[] _pieces = new Piece[4];
    private int _first;
    private int _count;
    private int _flushedCount; // of these, counted from the first
    private int _iteration;
    private long _sentInIteration;

    /// <summary>The number of bytes that were flushed and that the kernel has not taken.</summary>
    public long UnsentBytes { get; private set; }

    /// <summary>The number of bytes that were not flushed.</summary>
    public long UnflushedBytes { get; private set; }

    /// <summary>The number of flushed pieces.</summary>
    public int FlushedCount => _flushedCount;

    /// <summary>On the loop: the number of bytes sent in this iteration.</summary>
    public long SentIn(int iteration)
    {
        if (_iteration != iteration)
        {
            _iteration = iteration;
            _sentInIteration = 0;
        }

        return _sentInIteration;
    }

    /// <summary>Appends a piece, which may be sent once it is flushed.</summary>
    public void Add(byte[] array, int start, int end)
    {
        MakeRoom();
        UnflushedBytes += end - start;
        At(_count++) = new Piece { Array = array, Start = start, End = end };
    }

    /// <summary>
    /// Appends a few flushed bytes to the last piece, so that they leave with it. Returns false if there is no room.
    /// </summary>
    public bool TryAppend(ReadOnlySpan<byte> bytes)
    {
        if (_count == 0 || _flushedCount < _count || bytes.Length > LargestAppended)
        {
            return false;
        }

        ref Piece last = ref At(_count - 1);
        if (bytes.Length > last.Array.Length - last.End)
        {
            return false;
        }

        bytes.CopyTo(last.Array.AsSpan(last.End));
        last.End += bytes.Length;
        UnsentBytes += bytes.Length;
        return true;
    }

    /// <summary>Inserts a flushed piece before all others.</summary>
    public void AddFirst(byte[] array, int start, int end)
    {
        MakeRoom();
        _first = (_first - 1) & (_pieces.Length - 1);
        _count++;
        _flushedCount++;
        UnsentBytes += end - start;
        At(0) = new Piece { Array = array, Start = start, End = end };
    }

    /// <summary>Flushes all pieces.</summary>
    public void Flush()
    {
        for (; _flushedCount < _count; _flushedCount++)
        {
            UnsentBytes += At(_flushedCount).End - At(_flushedCount).Start;
        }

        UnflushedBytes = 0;
    }

    /// <summary>
    /// Sends as many flushed pieces as fit into one call, in order. There must be at least one.
    /// </summary>
    /// <returns>The number of bytes that the kernel took, or −errno.</returns>
    /// <remarks>
    /// Pins with fixed statements: a handle for each array would cost more than copying it.
    /// </remarks>
    public unsafe nint Send<TCalls>(int descriptor)
        where TCalls : struct, ISystemCalls
    {
        if (_flushedCount == 1)
        {
            return SendOne<TCalls>(descriptor);
        }

        int count = Math.Min(_flushedCount, IoVector.MaxCount);
        IoVector* vectors = stackalloc IoVector[IoVector.MaxCount];
        nint sent;
        fixed (byte* p0 = ArrayAt(0), p1 = ArrayAt(1), p2 = ArrayAt(2), p3 = ArrayAt(3))
        fixed (byte* p4 = ArrayAt(4), p5 = ArrayAt(5), p6 = ArrayAt(6), p7 = ArrayAt(7))
        {
            vectors[0].Base = p0;
            vectors[1].Base = p1;
            vectors[2].Base = p2;
            vectors[3].Base = p3;
            vectors[4].Base = p4;
            vectors[5].Base = p5;
            vectors[6].Base = p6;
            vectors[7].Base = p7;
            for (int i = 0; i < count; i++)
            {
                ref Piece piece = ref At(i);
                vectors[i].Base += piece.Start;
                vectors[i].Length = piece.End - piece.Start;
            }

            sent = TCalls.SendMessage(descriptor, vectors, count);
        }

        return Remove(sent);
    }

    /// <summary>Drops all pieces.</summary>
    public void Clear()
    {
        while (_count > 0)
        {
            RemoveFirst();
        }

        _flushedCount = 0;
        UnsentBytes = 0;
        UnflushedBytes = 0;
    }

    private void MakeRoom()
    {
        if (_count == _pieces.Length)
        {
            var larger = new Piece[_count * 2];
            for (int i = 0; i < _count; i++)
            {
                larger[i] = At(i);
            }

            _pieces = larger;
            _first = 0;
        }
    }

    private ref Piece At(int index) => ref _pieces[(_first + index) & (_pieces.Length - 1)];

    private byte[]? ArrayAt(int index) => index < _flushedCount ? At(index).Array : null;

    private unsafe nint SendOne<TCalls>(int descriptor)
        where TCalls : struct, ISystemCalls
    {
        ref Piece piece = ref At(0);
        nint sent;
        fixed (byte* bytes = piece.Array)
        {
            sent = TCalls.Send(descriptor, bytes + piece.Start, piece.End - piece.Start);
        }

        return Remove(sent);
    }

    /// <summary>Removes what was sent; does nothing after an error.</summary>
    private nint Remove(nint sent)
    {
        long count = Math.Max(sent, 0);
        _sentInIteration += count;
        UnsentBytes -= count;
        while (count > 0)
        {
            ref Piece piece = ref At(0);
            int part = (int)Math.Min(count, piece.End - piece.Start);
            count -= part;
            piece.Start += part;
            if (piece.Start == piece.End)
            {
                RemoveFirst();
                _flushedCount--;
            }
        }

        return sent;
    }

    private void RemoveFirst()
    {
        ArrayPool<byte>.Shared.Return(At(0).Array);
        At(0) = default;
        _first = (_first + 1) & (_pieces.Length - 1);
        _count--;
    }

    /// <summary>
    /// The bytes from <see cref="Start"/> to <see cref="End"/> of an array that is returned to the pool once
    /// they are sent.
    /// </summary>
    private struct Piece
    {
        public byte[] Array;
        public int Start;
        public int End;
    }
}
