using System.Buffers;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>Written bytes that lie in more than one array, or that the kernel would not take at once. First in, first out.</summary>
/// <remarks>Its users lock it: the writer's owner adds, the loop sends.</remarks>
internal sealed class OutboundQueue
{
    private Piece[] _pieces = new Piece[4];
    private int _first;
    private int _count;
    private int _flushedCount; // of those, from the first on

    /// <summary>Bytes that a flush has released and the kernel has not yet.</summary>
    public long UnsentBytes { get; private set; }

    /// <summary>Pieces that may be sent.</summary>
    public int FlushedCount => _flushedCount;

    /// <summary>Adds a piece; it may be sent when it was flushed.</summary>
    public void Add(byte[] array, int start, int end)
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

        At(_count++) = new Piece { Array = array, Start = start, End = end };
    }

    /// <summary>Releases all pieces.</summary>
    public void Flush()
    {
        for (; _flushedCount < _count; _flushedCount++)
        {
            UnsentBytes += At(_flushedCount).End - At(_flushedCount).Start;
        }
    }

    /// <summary>The nth piece.</summary>
    public ref Piece At(int index) => ref _pieces[(_first + index) & (_pieces.Length - 1)];

    /// <summary>The kernel has taken bytes.</summary>
    public void Sent(long count)
    {
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
    }

    /// <summary>Drops everything.</summary>
    public void Clear()
    {
        while (_count > 0)
        {
            RemoveFirst();
        }

        _flushedCount = 0;
        UnsentBytes = 0;
    }

    private void RemoveFirst()
    {
        ArrayPool<byte>.Shared.Return(At(0).Array);
        At(0) = default;
        _first = (_first + 1) & (_pieces.Length - 1);
        _count--;
    }

    /// <summary>Bytes from <see cref="Start"/> to <see cref="End"/> of an array that is given back when they are sent.</summary>
    internal struct Piece
    {
        public byte[] Array;
        public int Start;
        public int End;
    }
}
