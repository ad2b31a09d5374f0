using System.Buffers;
using System.Diagnostics;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Received bytes that are not consumed. Usually one array, rented when bytes arrive and returned with the
/// last of them. A chain of arrays if the application lets more accumulate.
/// </summary>
internal struct ReceivedBytes
{
    private const int EndOfArrayMask = int.MaxValue; // the end of a one-array sequence has the sign bit set

    private byte[]? _array; // the last piece, or the only one
    private int _start; // in the first piece
    private int _end; // in the last piece
    private ReceivedSegment? _first; // null if there is only one piece
    private ReceivedSegment? _last;

    public readonly bool IsEmpty => _array is null;

    /// <summary>All unconsumed bytes.</summary>
    public readonly ReadOnlySequence<byte> Sequence =>
        _array is null ? ReadOnlySequence<byte>.Empty
        : _first is null ? new ReadOnlySequence<byte>(_array, _start, _end - _start)
        : new ReadOnlySequence<byte>(_first, _start, _last!, _end);

    /// <summary>
    /// Chooses where to receive: the free end of the last array if it is large enough, or a new array.
    /// </summary>
    /// <param name="loop">The loop whose arrays to use.</param>
    /// <param name="size">The number of bytes that the next read may bring.</param>
    /// <param name="offset">
    /// Where to receive in the array. <see cref="Commit"/> may move earlier bytes in front of it.
    /// </param>
    /// <returns>An array to pass to <see cref="Commit"/> or <see cref="Cancel"/>.</returns>
    public readonly byte[] Prepare(EventLoop loop, int size, out int offset)
    {
        if (_array is null)
        {
            offset = 0;
            return loop.Rent(size);
        }

        if (_array.Length - _end >= Math.Max(size / 2, 1))
        {
            offset = _end;
            return _array;
        }

        // A short rest moves to the front of the new array, so that the line that it begins is contiguous.
        offset = IsShortBeside(size) ? _end - _start : 0;
        return loop.Rent(Math.Max(size, offset + 1));
    }

    /// <summary>Adds the bytes received into the array that <see cref="Prepare"/> returned.</summary>
    public void Commit(EventLoop loop, byte[] array, int offset, int count)
    {
        Debug.Assert(count > 0, "the end of the stream is no bytes");
        if (_array is null)
        {
            _array = array;
            _start = 0;
            _end = count;
        }
        else if (array == _array)
        {
            _end += count;
            _last?.SetEnd(_end);
        }
        else if (offset > 0)
        {
            _array.AsSpan(_start, offset).CopyTo(array);
            loop.Return(_array);
            _array = array;
            _start = 0;
            _end = offset + count;
        }
        else
        {
            _first ??= _last = new ReceivedSegment(_array, _end);
            var segment = new ReceivedSegment(array, count);
            _last!.Append(segment);
            _last = segment;
            _array = array;
            _end = count;
        }
    }

    /// <summary>
    /// Releases the array that <see cref="Prepare"/> returned, into which nothing was received.
    /// </summary>
    public readonly void Cancel(EventLoop loop, byte[] array)
    {
        if (array != _array)
        {
            loop.Return(array);
        }
    }

    /// <summary>Releases consumed bytes.</summary>
    /// <returns>True if everything was examined.</returns>
    /// <exception cref="InvalidOperationException">
    /// A position is not in this buffer, or consumed is after examined.
    /// </exception>
    public bool Advance(EventLoop loop, SequencePosition consumed, SequencePosition examined)
    {
        if (_array is null)
        {
            return true;
        }

        // As in a Pipe, a default position means the start.
        if (consumed.GetObject() is null)
        {
            consumed = Sequence.Start;
        }

        if (examined.GetObject() is null)
        {
            examined = Sequence.Start;
        }

        int examinedIndex = IndexOf(examined);
        bool isAllExamined = examinedIndex == _end && (_last is null || examined.GetObject() == _last);
        if (_first is null)
        {
            int index = IndexOf(consumed);
            Check(consumed.GetObject() == _array && examined.GetObject() == _array && index >= _start && examinedIndex >= index && examinedIndex <= _end);
            _start = index;
        }
        else
        {
            AdvanceChain(loop, consumed, examined);
        }

        if (_first is null && _start == _end)
        {
            Release(loop);
        }

        return isAllExamined;
    }

    /// <summary>
    /// Moves a few bytes to a smaller array, so that an idle connection does not hold a large one for them.
    /// </summary>
    public void ShrinkForWait(EventLoop loop)
    {
        if (_array is null || _first is not null || _array.Length <= AdaptiveSize.Smallest || !IsShortBeside(_array.Length))
        {
            return;
        }

        int count = _end - _start;
        byte[] small = loop.Rent(count);
        _array.AsSpan(_start, count).CopyTo(small);
        loop.Return(_array);
        _array = small;
        _start = 0;
        _end = count;
    }

    /// <summary>Returns all arrays.</summary>
    public void Release(EventLoop loop)
    {
        if (_array is { } array)
        {
            for (ReceivedSegment? piece = _first; piece is not null && piece != _last; piece = piece.NextPiece)
            {
                loop.Return(piece.Array);
            }

            loop.Return(array);
        }

        this = default;
    }

    private void AdvanceChain(EventLoop loop, SequencePosition consumed, SequencePosition examined)
    {
        Check(consumed.GetObject() is ReceivedSegment && examined.GetObject() is ReceivedSegment);
        var target = (ReceivedSegment)consumed.GetObject()!;
        var furthest = (ReceivedSegment)examined.GetObject()!;
        int index = IndexOf(consumed);
        Check(furthest.RunningIndex + IndexOf(examined) >= target.RunningIndex + index);
        Check(target != _first || index >= _start);
        Check(index <= target.Memory.Length && IndexOf(examined) <= furthest.Memory.Length);
        Check(Holds(target) && Holds(furthest));
        while (_first != target)
        {
            loop.Return(_first!.Array);
            _first = _first.NextPiece;
        }

        _start = index;
        while (_first != _last && _start == _first!.Memory.Length)
        {
            loop.Return(_first.Array);
            _first = _first.NextPiece;
            _start = 0;
        }

        if (_first == _last)
        {
            _first = _last = null;
        }
    }

    private readonly bool Holds(ReceivedSegment segment)
    {
        ReceivedSegment? piece = _first;
        while (piece is not null && piece != segment)
        {
            piece = piece.NextPiece;
        }

        return piece is not null;
    }

    private readonly bool IsShortBeside(int size) => _first is null && _end - _start <= size / 4;

    private static int IndexOf(SequencePosition position) => position.GetInteger() & EndOfArrayMask;

    private static void Check(bool isRight)
    {
        if (!isRight)
        {
            throw new InvalidOperationException("The position is not in the buffer of the last read, or what was consumed was not examined.");
        }
    }
}
