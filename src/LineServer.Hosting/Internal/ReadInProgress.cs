using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using LineServer.Framing;

namespace LineServer.Hosting.Internal;

/// <summary>
/// The read whose lines the handler is given. It belongs to the loop, which lends it to the handler for the time of a call: only then do
/// lines and payloads leave it.
/// </summary>
/// <remarks>
/// <code>
///           Begin                  End
/// Ended   → Open, or Ended (1)   (never)
/// Open      (never)              → Ended
///
/// (1) nothing has come that a handler can be given: see Arrival.
/// </code>
/// </remarks>
internal struct ReadInProgress(LineReader lines)
{
    private long _oversizeBefore; // when the read began
    private int _length;
    private int _payloadNeeded; // the handler waits for so many bytes that are no lines
    private int _held; // bytes of an unfinished line, which the next read will show again
    private bool _isOpen;
    private bool _wasSkipping; // when the read began
    private bool _payloadTaken; // in the current call

    /// <summary>What a read means to the handler.</summary>
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

    /// <summary>Bytes that are held: of the read while it is open, and otherwise of a line or payload that has not come whole.</summary>
    public readonly int Length => _length;

    /// <summary>True once the stream has ended: no more bytes will come.</summary>
    public bool IsLast { get; private set; }

    /// <summary>True if the client owes the rest of a line or of a payload.</summary>
    public readonly bool IsWithinLine => lines.HoldsPartialLine || _payloadNeeded > 0;

    /// <summary>True if the handler has taken all there is for it.</summary>
    public readonly bool IsExhausted => _payloadNeeded > 0 || lines.IsExhausted;

    /// <summary>True if the stream ended within a line or a payload.</summary>
    public readonly bool EndsUnfinished => lines.IncompleteLength > 0 || _payloadNeeded > 0;

    public readonly bool PayloadTaken => _payloadTaken;

    /// <summary>Looks at what has come. Where that is nothing for a handler, the bytes are given back to <paramref name="input"/>.</summary>
    public Arrival Begin(in TransportRead read, PipeReader input)
    {
        Debug.Assert(!_isOpen, "a read begins while another is open");
        IsLast = read.IsLast;
        long length = read.Buffer.Length;
        _length = (int)length;
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
        _wasSkipping = lines.IsSkipping;
        _oversizeBefore = lines.OversizeLines;
        lines.BeginRead(read.Buffer, read.IsLast);
        return Arrival.Lines;
    }

    /// <summary>The handler is called.</summary>
    public void BeginCall()
    {
        _payloadNeeded = 0;
        _payloadTaken = false;
    }

    /// <summary>Takes bytes that are no lines, if that many have come.</summary>
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

    /// <summary>The handler waits for a payload that has not come whole.</summary>
    public void NeedPayload(int count) => _payloadNeeded = count;

    /// <summary>Gives back to <paramref name="input"/> what was not consumed.</summary>
    public Ended End(PipeReader input)
    {
        Debug.Assert(_isOpen, "a read ends that is not open");
        _isOpen = false;
        bool isSkipping = lines.IsSkipping;
        _held = lines.HoldsPartialLine && !isSkipping ? (int)Math.Min(lines.Unread.Length, int.MaxValue) : 0;
        long oversize = lines.OversizeLines - _oversizeBefore;
        SequencePosition consumed = lines.EndRead(out SequencePosition examined);
        int taken = lines.LinesTaken;
        // A truncated line is taken before its end has come.
        long ends = oversize > 0 && lines.Format.OversizeLineBehavior == OversizeLineBehavior.Truncate ? taken : taken + oversize;
        bool endedLine = ends + (_wasSkipping ? 1 : 0) - (isSkipping ? 1 : 0) > 0;
        _length = _held;
        input.AdvanceTo(consumed, examined);
        return new Ended(taken, oversize, endedLine);
    }

    /// <summary>What a read has brought.</summary>
    /// <param name="LinesTaken">Lines that the handler took.</param>
    /// <param name="OversizeLines">Lines that turned out to be longer than the limit.</param>
    /// <param name="EndedLine">True if the end of any line has come, also of a discarded one.</param>
    public readonly record struct Ended(int LinesTaken, long OversizeLines, bool EndedLine);
}
