using System.Buffers;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>One piece of the received bytes, if there are several.</summary>
internal sealed class ReceivedSegment : ReadOnlySequenceSegment<byte>
{
    public ReceivedSegment(byte[] array, int end)
    {
        Array = array;
        SetEnd(end);
    }

    public byte[] Array { get; }

    public ReceivedSegment? NextPiece => (ReceivedSegment?)Next;

    /// <summary>Extends the last piece after more was received into its array.</summary>
    public void SetEnd(int end) => Memory = new ReadOnlyMemory<byte>(Array, 0, end);

    public void Append(ReceivedSegment segment)
    {
        segment.RunningIndex = RunningIndex + Memory.Length;
        Next = segment;
    }
}
