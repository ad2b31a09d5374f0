using System.Buffers;
using System.Runtime.CompilerServices;
using LineServer.Framing;
using LineServer.Hosting.Internal;

namespace LineServer.Hosting;

/// <summary>
/// The lines of a read that were not taken yet, and where their replies are staged. A line that is given is taken. Lines come until there
/// are no more, the output is full (<see cref="LineLimits.MaxWriteBufferSize"/>), or the connection is being closed.
/// </summary>
public readonly ref struct LineBatch
{
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

    /// <summary>Where replies are staged, straight into the transport's buffer. Only until the handler returns.</summary>
    public LineOutput Output => _output;

    internal ConnectionLoop Loop { get; }

    /// <summary>For <see langword="foreach"/>.</summary>
    public Enumerator GetEnumerator() => new(_lines.GetEnumerator(), _output);

    /// <summary>Takes the next line.</summary>
    public bool TryRead(out Line line)
    {
        if (_output.EndsBatch)
        {
            line = default;
            return false;
        }

        return _lines.TryRead(out line);
    }

    /// <summary>Gives the lines to <paramref name="visitor"/>: the fastest way through many short ones.</summary>
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
    /// Takes whole lines that lie side by side, terminators included, in one piece: the way to pass on lines as they came. It takes no
    /// more of them than fill the output. False: the next line is not of that kind, or there is none; <see cref="TryRead"/> tells which.
    /// </summary>
    public bool TryReadRun(out ReadOnlySpan<byte> lines)
    {
        if (_output.EndsBatch)
        {
            lines = default;
            return false;
        }

        return _lines.TryReadRun(_output.Room, out lines);
    }

    /// <summary>
    /// Takes exactly <paramref name="count"/> bytes from behind the last line taken, whatever they are. False: not all of them have come.
    /// Return then, and ask again at the start of the next <see cref="LineBatchHandler.OnBatch"/>, which is called when they have. Leave a
    /// <see langword="foreach"/> over the batch before you call this.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="count"/> is negative or more than <see cref="LineLimits.MaxReadBufferSize"/>: ask for a large payload in parts.
    /// </exception>
    public bool TryReadPayload(int count, out ReadOnlySequence<byte> payload) => Loop.TryReadPayload(count, out payload);

    /// <summary>Walks over the lines of a batch.</summary>
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
