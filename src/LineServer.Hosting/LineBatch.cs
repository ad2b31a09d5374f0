using System.Buffers;
using System.Runtime.CompilerServices;
using LineServer.Framing;
using LineServer.Hosting.Internal;

namespace LineServer.Hosting;

/// <summary>
/// The lines of a read not taken yet, and the output for their replies. Reading a line takes it. The batch
/// ends when no lines are left, when the output is full (<see cref="LineLimits.MaxWriteBufferSize"/>), or
/// when the connection is being closed.
/// </summary>
public readonly ref struct LineBatch
{
    // Half of an L1 data cache: docs/decisions/0005.
    private const int RunSize = 16 * 1024;

    private readonly LineReader _lines;
    private readonly TransportOutput _output;

    internal LineBatch(ConnectionLoop loop, LineReader lines, TransportOutput output)
    {
        Loop = loop;
        _lines = lines;
        _output = output;
    }

    /// <summary>The connection that the lines came from.</summary>
    public LineConnection Connection => Loop.Connection;

    /// <summary>
    /// The output for replies, which writes into the transport's buffer. Valid until the handler returns.
    /// </summary>
    public LineOutput Output => _output;

    internal ConnectionLoop Loop { get; }

    /// <summary>Supports <see langword="foreach"/>.</summary>
    public Enumerator GetEnumerator() => new(_lines.GetEnumerator(), _output);

    /// <summary>Takes the next line. Returns false when the batch has ended.</summary>
    public bool TryRead(out Line line)
    {
        if (_output.EndsBatch)
        {
            line = default;
            return false;
        }

        return _lines.TryRead(out line);
    }

    /// <summary>
    /// Passes the lines to <paramref name="visitor"/>: the fastest way through many short lines.
    /// </summary>
    public void ReadLines<TVisitor>(ref TVisitor visitor)
        where TVisitor : struct, ILineVisitor
    {
        if (!_output.EndsBatch)
        {
            var untilFull = new UntilFull<TVisitor>(visitor, _output);
            _lines.ReadLines(ref untilFull);
            visitor = untilFull.Visitor;
        }
    }

    /// <summary>
    /// Takes a contiguous run of whole lines, terminators included, to pass them on unchanged. It stops with
    /// the line that fills the output, or that completes 16 KiB: what was just searched is still in the
    /// processor's first cache when it is copied. Returns false if there is no line or the next one does not qualify;
    /// <see cref="TryRead"/> tells which.
    /// </summary>
    public bool TryReadRun(out ReadOnlySpan<byte> lines)
    {
        if (_output.EndsBatch)
        {
            lines = default;
            return false;
        }

        return _lines.TryReadRun(Math.Min(_output.Room, RunSize), out lines);
    }

    /// <summary>
    /// Takes a run as <see cref="TryReadRun(out ReadOnlySpan{byte})"/> does, for a handler that stores lines rather than
    /// replies to each: neither the room in the output nor 16 KiB ends the run. Returns false if there is no line, if the
    /// batch has ended, or if the next line does not qualify; <see cref="TryRead"/> tells which.
    /// </summary>
    /// <param name="enough">The run ends with the line that brings it to this many bytes; at least 1.</param>
    /// <param name="lines">The lines, terminators included. Valid until the handler returns.</param>
    /// <param name="count">The number of lines in the run.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="enough"/> is below 1.</exception>
    public bool TryReadRun(int enough, out ReadOnlySpan<byte> lines, out int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(enough);
        if (_output.EndsBatch)
        {
            lines = default;
            count = 0;
            return false;
        }

        return _lines.TryReadRun(enough, out lines, out count);
    }

    /// <summary>
    /// Takes exactly <paramref name="count"/> bytes of any value after the last line taken. Returns false if
    /// not all of them have arrived: then return from <see cref="LineBatchHandler.OnBatch"/>, and ask again
    /// at the start of its next call, which comes when they have. Leave a <see langword="foreach"/> over the
    /// batch before you call this.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="count"/> is negative or exceeds <see cref="LineLimits.MaxReadBufferSize"/>: read a
    /// large payload in parts.
    /// </exception>
    public bool TryReadPayload(int count, out ReadOnlySequence<byte> payload) => Loop.TryReadPayload(count, out payload);

    /// <summary>Enumerates the lines of a batch.</summary>
    public ref struct Enumerator
    {
        private readonly TransportOutput _output;
        private LineEnumerator _lines;

        internal Enumerator(LineEnumerator lines, TransportOutput output)
        {
            _lines = lines;
            _output = output;
        }

        /// <inheritdoc cref="LineEnumerator.Current"/>
        public readonly Line Current
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => _lines.Current;
        }

        /// <summary>Takes the next line, unless the batch has ended.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool MoveNext() => !_output.EndsBatch && _lines.MoveNext();
    }

    private struct UntilFull<TVisitor>(TVisitor visitor, TransportOutput output) : ILineVisitor
        where TVisitor : struct, ILineVisitor
    {
        public TVisitor Visitor = visitor;

        public bool OnLine(scoped Line line) => Visitor.OnLine(line) && !output.EndsBatch;
    }
}
