using System.Buffers;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>A piece of what was received, where there is more than one.</summary>
internal sealed class ReceivedSegment : ReadOnlySequenceSegment<byte>
{
    public ReceivedSegment(byte[] array, int end)
    {
        Array = array;
        SetEnd(end);
    }

    public byte[] Array { get; }

    public ReceivedSegment? NextPiece => (ReceivedSegment?)Next;

    /// <summary>More was received into the piece's array. For the last piece only.</summary>
    public void SetEnd(int end) => Memory = new ReadOnlyMemory<byte>(Array, 0, end);

    public void Append(ReceivedSegment segment)
    {
        segment.RunningIndex = RunningIndex + Memory.Length;
        Next = segment;
    }
}
