using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using LineServer.Framing;

namespace LineServer.Hosting.Internal;

/// <summary>
/// The read whose lines the handler is given. The loop owns it and lends it to the handler for each call;
/// only then are lines and payloads taken from it.
/// </summary>
/// <remarks>
/// <code>
///           Begin                  End
/// Ended   → Open, or Ended (1)   (never)
/// Open      (never)              → Ended
///
/// (1) Nothing arrived that the handler can use; see Arrival.
/// </code>
/// </remarks>
internal struct ReadInProgress(LineReader lines)
{
    private long _oversizeBefore; // the count when the read began
    private int _heldBytes;
    private int _payloadNeeded; // the size of the payload that the handler waits for, or 0
    private int _held; // bytes of an unfinished line, which the next read contains again
    private bool _isOpen;
    private bool _wasSkipping; // when the read began
    private bool _wasMalformed; // when the read began
    private bool _payloadTaken; // during the current call

    /// <summary>What a read means for the handler.</summary>
    public enum Arrival
    {
        /// <summary>Nothing: a wake-up without bytes, or part of a payload.</summary>
        Nothing,

        /// <summary>The read is open: it may hold lines.</summary>
        Lines,

        /// <summary>The client ended the stream within a payload that the handler waits for.</summary>
        EndWithinPayload,
    }

    public readonly LineReader Lines => lines;

    public readonly bool IsOpen => _isOpen;

    /// <summary>
    /// The bytes held. While a read is open, whole buffers count: the transport cannot release one, however few
    /// bytes are in it. Otherwise it is the length of an unfinished line or payload.
    /// </summary>
    /// <remarks>
    /// Computed when the read begins: later, a handler may be taking lines or a payload from it on another thread.
    /// </remarks>
    public readonly int HeldBytes => _heldBytes;

    /// <summary>True once the stream has ended: no more bytes will arrive.</summary>
    public bool IsLast { get; private set; }

    /// <summary>True if a line or payload has begun and its rest has not arrived.</summary>
    public readonly bool IsWithinLine => lines.HoldsPartialLine || _payloadNeeded > 0;

    /// <summary>True if the handler has taken everything it can.</summary>
    public readonly bool IsExhausted => _payloadNeeded > 0 || lines.IsExhausted;

    /// <summary>True if the stream ended within a line or a payload.</summary>
    public readonly bool EndsUnfinished => lines.IncompleteLength > 0 || _payloadNeeded > 0;

    public readonly bool PayloadTaken => _payloadTaken;

    /// <summary>
    /// Examines a read. If the handler cannot use it, its bytes go back to <paramref name="input"/>.
    /// </summary>
    public Arrival Begin(in TransportRead read, PipeReader input)
    {
        Debug.Assert(!_isOpen, "a read begins while another is open");
        IsLast = read.IsLast;
        long length = read.Buffer.Length;
        _heldBytes = (int)length;
        if (length < _payloadNeeded)
        {
            input.AdvanceTo(read.IsLast ? read.Buffer.End : read.Buffer.Start, read.Buffer.End);
            return read.IsLast ? Arrival.EndWithinPayload : Arrival.Nothing;
        }

        if (read.IsWoken && length == _held && !read.IsLast)
        {
            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            return Arrival.Nothing;
        }

        _payloadNeeded = 0;
        _isOpen = true;
        _heldBytes = SizeOf(read.Buffer);
        _wasSkipping = lines.IsSkipping;
        _wasMalformed = lines.IsMalformed;
        _oversizeBefore = lines.OversizeLines;
        lines.BeginRead(read.Buffer, read.IsLast);
        return Arrival.Lines;
    }

    /// <summary>A call of the handler begins.</summary>
    public void BeginCall()
    {
        _payloadNeeded = 0;
        _payloadTaken = false;
    }

    /// <summary>Takes a payload if all of it has arrived.</summary>
    public bool TryTakePayload(int count, out ReadOnlySequence<byte> payload)
    {
        Debug.Assert(_isOpen, "a payload is taken from no read");
        if (lines.TryReadBytes(count, out payload))
        {
            _payloadTaken = true;
            return true;
        }

        return false;
    }

    /// <summary>The handler waits for a payload that has not arrived whole.</summary>
    public void NeedPayload(int count) => _payloadNeeded = count;

    /// <summary>Ends the read and returns unconsumed bytes to <paramref name="input"/>.</summary>
    public Ended End(PipeReader input)
    {
        Debug.Assert(_isOpen, "a read ends that is not open");
        _isOpen = false;
        bool isSkipping = lines.IsSkipping;
        _held = lines.HoldsPartialLine && !isSkipping ? (int)Math.Min(lines.Unread.Length, int.MaxValue) : 0;
        long oversize = lines.OversizeLines - _oversizeBefore;
        SequencePosition consumed = lines.EndRead(out SequencePosition examined);
        int taken = lines.LinesTaken;
        // A truncated line counts as taken before its end has arrived.
        long ends = oversize > 0 && lines.Format.OversizeLineBehavior == OversizeLineBehavior.Truncate ? taken : taken + oversize;
        bool endedLine = ends + (_wasSkipping ? 1 : 0) - (isSkipping ? 1 : 0) > 0;
        _heldBytes = _held;
        input.AdvanceTo(consumed, examined);
        return new Ended(taken, oversize, lines.IsMalformed && !_wasMalformed, endedLine);
    }

    private static int SizeOf(in ReadOnlySequence<byte> bytes)
    {
        if (bytes.IsSingleSegment)
        {
            return SizeOf(bytes.First);
        }

        long size = 0;
        foreach (ReadOnlyMemory<byte> segment in bytes)
        {
            size += SizeOf(segment);
        }

        return (int)Math.Min(size, int.MaxValue);
    }

    private static int SizeOf(ReadOnlyMemory<byte> segment) =>
        MemoryMarshal.TryGetArray(segment, out ArraySegment<byte> part) ? part.Array!.Length : segment.Length;

    /// <summary>The result of a read.</summary>
    /// <param name="LinesTaken">The number of lines that the handler took.</param>
    /// <param name="OversizeLines">The number of lines found to exceed the limit.</param>
    /// <param name="IsMalformed">True if a message was found to have no valid count.</param>
    /// <param name="EndedLine">True if the end of any line arrived, discarded or not.</param>
    public readonly record struct Ended(int LinesTaken, long OversizeLines, bool IsMalformed, bool EndedLine);
}
