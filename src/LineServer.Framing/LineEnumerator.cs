using System.Runtime.CompilerServices;

namespace LineServer.Framing;

/// <summary>
/// Enumerates the lines of a read. <see cref="MoveNext"/> takes the line that it returns: a new enumerator of
/// the same <see cref="LineReader"/> continues after it.
/// </summary>
/// <remarks>
/// Only <c>_index</c> changes from line to line, and it stays in a register during a <c>foreach</c>, as long
/// as nothing takes this struct's address. docs/decisions/0002-vector-sweep.md has the measurements.
/// </remarks>
public ref struct LineEnumerator
{
    private readonly LineReader _reader;
    private ref byte _segment;
    private ref int _starts;
    private nint _index;
    private nint _count;

    private ref byte _foundStart;
    private int _foundLength;
    private int _foundRawLength;
    private LineKind _foundKind;

    internal LineEnumerator(LineReader reader)
    {
        _reader = reader;
        _segment = ref reader.Scan.SegmentReference;
        _starts = ref reader.Scan.StartsReference;
        _index = reader.Index;
        _count = reader.Count;
    }

    /// <summary>The line that <see cref="MoveNext"/> found.</summary>
    public readonly Line Current
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(in _foundStart, _foundLength, _foundRawLength, _reader, _foundKind);
    }

    /// <summary>
    /// Takes the next line. Returns false if the read holds no further line, or if
    /// <see cref="LineReader.IsOversize"/> is true.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    [SkipLocalsInit]
    public bool MoveNext()
    {
        while (true)
        {
            if (_index < _count)
            {
                nint start = Unsafe.Add(ref _starts, _index);
                nint next = Unsafe.Add(ref _starts, _index + 1);
                int content = (int)(next - start) - 1;
                if (content > 0 && Unsafe.Add(ref _segment, next - 2) == LineFormat.CarriageReturn && _reader.CarriageReturn >= 0)
                {
                    content--;
                }

                if (content <= _reader.MaxLineSize)
                {
                    _index++;
                    _reader.Index = (int)_index;
                    _foundStart = ref Unsafe.Add(ref _segment, start);
                    _foundLength = content;
                    _foundRawLength = (int)(next - start);
                    _foundKind = LineKind.None;
                    return true;
                }
            }

            LineReader.Step step = _index < _count ? _reader.StepOverOversize(out FoundLine found) : _reader.StepOverEdge(out found);
            _segment = ref _reader.Scan.SegmentReference;
            _index = _reader.Index;
            _count = _reader.Count;
            if (step != LineReader.Step.Again)
            {
                _foundStart = ref Unsafe.Add(ref _segment, found.Start);
                _foundLength = found.Length;
                _foundRawLength = found.RawLength;
                _foundKind = found.Kind;
                return step == LineReader.Step.Line;
            }
        }
    }
}
