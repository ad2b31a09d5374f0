using System.Buffers;
using System.Text;

namespace LineServer.Framing.Tests;

/// <summary>Plays one stream to a reader, as often and in as many pieces as wanted, and compares each step with the reference.</summary>
internal sealed class StreamPlayer(byte[] stream, LineFormat format)
{
    private readonly Verdict?[] _open = new Verdict?[stream.Length + 1];
    private readonly Verdict _closed = Verdict.Of(stream, format, isCompleted: true);

    public byte[] Stream => stream;

    public LineFormat Format => format;

    public void Play(Delivery delivery)
    {
        try
        {
            Playing playing = new(this, delivery);
            foreach (int end in delivery.Reads)
            {
                playing.Read(end, isCompleted: false);
            }

            if (delivery.EndComesApart)
            {
                playing.Read(stream.Length, isCompleted: false);
            }

            playing.Read(stream.Length, isCompleted: true);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"\"{Show(stream)}\"\n{format}\n{delivery}\n{e.Message}", e);
        }
    }

    private Verdict Expected(int end, bool isCompleted) =>
        isCompleted ? _closed : _open[end] ??= Verdict.Of(stream.AsSpan(0, end), format, isCompleted: false);

    private static string Show(ReadOnlySpan<byte> bytes)
    {
        StringBuilder text = new();
        foreach (byte b in bytes)
        {
            text.Append(b is >= 0x20 and < 0x7F ? ((char)b).ToString() : $"\\x{b:X2}");
        }

        return text.ToString();
    }

    private static void Same<T>(T expected, T actual, string what)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            throw new InvalidOperationException($"{what}: {actual}, not {expected}");
        }
    }

    private static void SameBytes(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual, string what)
    {
        if (!expected.SequenceEqual(actual))
        {
            throw new InvalidOperationException($"{what}: \"{Show(actual)}\", not \"{Show(expected)}\"");
        }
    }

    private sealed class Playing(StreamPlayer player, Delivery delivery)
    {
        private readonly byte[] _stream = player.Stream;
        private readonly LineReader _reader = new(player.Format);
        private Verdict _expected = player._closed;
        private int _consumed;
        private int _taken;
        private int _turn;

        public void Read(int end, bool isCompleted)
        {
            _expected = player.Expected(end, isCompleted);
            bool isExhausted;
            do
            {
                ReadOnlySequence<byte> buffer = Segments.Cut(_stream, _consumed, end, delivery.Cuts, player.Format.Delimiter);
                _reader.BeginRead(buffer, isCompleted);
                int takenBefore = _taken;
                do
                {
                    TakeBatch();
                    Same(_taken - takenBefore, _reader.LinesTaken, "lines taken in this read");
                    Same(ExpectedPosition(end), end - (int)_reader.Unread.Length, "consumed");
                }
                while (!_reader.IsExhausted && !delivery.EndsReadEarly);

                isExhausted = _reader.IsExhausted;
                if (isExhausted)
                {
                    // Asked again, it says the same: a line would be one too many.
                    TakeBatch();
                }

                _consumed += (int)buffer.Slice(0, _reader.EndRead()).Length;
                Same(ExpectedPosition(end), _consumed, "consumed at the end of the read");
            }
            while (!isExhausted);

            CompareState(end);
        }

        public bool Take(in Line line)
        {
            if (_taken == _expected.Lines.Count)
            {
                throw new InvalidOperationException($"a line too many: \"{Show(line.Span)}\"");
            }

            ExpectedLine expected = _expected.Lines[_taken++];
            ReadOnlySpan<byte> content = _stream.AsSpan(expected.Start, expected.Length);
            ReadOnlySpan<byte> raw = _stream.AsSpan(expected.Start, expected.RawLength);
            Same(expected.Length, line.Length, "length");
            Same(expected.IsTruncated, line.IsTruncated, "truncated");
            Same(expected.IsIncomplete, line.IsIncomplete, "incomplete");
            Same(expected.IsCounted, line.IsCounted, "counted");
            Same(expected.RawLength > expected.Length, line.HasTerminator, "has a terminator");
            SameBytes(content, line, "line");
            SameBytes(raw, line.RawSpan, "raw line");
            SameBytes(content, line.Sequence.ToArray(), "line as a sequence");
            SameBytes(raw, line.RawSequence.ToArray(), "raw line as a sequence");
            Same(line.RawSequence.IsSingleSegment, line.IsSingleSegment, "in one piece");
            SameMemory(line.ToMemory(), "line as memory");
            SameMemory(line.ToMemory(new byte[raw.Length + 1]), "line as a copy");
            return true;

            void SameMemory(LineMemory memory, string what)
            {
                SameBytes(_stream.AsSpan(expected.Start, expected.Length), memory.Span, what);
                SameBytes(_stream.AsSpan(expected.Start, expected.Length), ((ReadOnlyMemory<byte>)memory).Span, what);
                SameBytes(_stream.AsSpan(expected.Start, expected.RawLength), memory.RawMemory.Span, $"raw {what}");
                Same((expected.Length, expected.IsTruncated, expected.IsIncomplete), (memory.Length, memory.IsTruncated, memory.IsIncomplete), what);
                Same((expected.IsCounted, expected.RawLength > expected.Length), (memory.IsCounted, memory.HasTerminator), what);
            }
        }

        private void TakeBatch()
        {
            int batch = 0;
            switch (delivery.Way == Way.Mixed ? (Way)(_turn++ % (int)Way.Mixed) : delivery.Way)
            {
                case Way.Foreach:
                    foreach (Line line in _reader)
                    {
                        Take(line);
                        if (++batch == delivery.Batch)
                        {
                            break;
                        }
                    }

                    break;
                case Way.TryRead:
                    while (batch < delivery.Batch && _reader.TryRead(out Line line))
                    {
                        Take(line);
                        batch++;
                    }

                    break;
                case Way.Runs:
                    while (batch < delivery.Batch)
                    {
                        int enough = 1 << (_taken % 10);
                        if (_reader.TryReadRun(enough, out ReadOnlySpan<byte> run, out int count))
                        {
                            Same(TakeRun(run, enough), count, "lines of a run");
                            batch += count;
                        }
                        else if (_reader.TryRead(out Line line))
                        {
                            Take(line);
                            batch++;
                        }
                        else
                        {
                            break;
                        }
                    }

                    break;
                default:
                    Visitor visitor = new(this, delivery.Batch);
                    _reader.ReadLines(ref visitor);
                    batch = visitor.Taken;
                    break;
            }

            Same(batch < delivery.Batch, _reader.IsExhausted, "exhausted");
        }

        private int TakeRun(ReadOnlySpan<byte> run, int enough)
        {
            Same(FramingMode.Lines, player.Format.Mode, "mode with runs");
            int start = _expected.Lines[_taken].Start;
            int end = start;
            int takenBefore = _taken;
            while (end - start < run.Length && _taken < _expected.Lines.Count)
            {
                ExpectedLine expected = _expected.Lines[_taken++];
                Same((end, false, false), (expected.Start, expected.IsTruncated, expected.IsIncomplete), "a line of a run");
                end = expected.Next;
            }

            SameBytes(_stream.AsSpan(start, end - start), run, "run");
            Same(true, _taken > takenBefore && _expected.Lines[_taken - 1].Start - start < enough, "the line before the last one was not enough");
            return _taken - takenBefore;
        }

        private int ExpectedPosition(int end) =>
            _reader.IsExhausted ? _expected.Consumed : Math.Min(_expected.Lines[_taken - 1].Next, end);

        private void CompareState(int end)
        {
            Same(_expected.Lines.Count, _taken, "lines");
            Same(_expected.OversizeLines, _reader.OversizeLines, "oversize lines");
            Same(_expected.IncompleteLength, _reader.IncompleteLength, "incomplete bytes");
            Same(_expected.IsOversize, _reader.IsOversize, "closed by an oversize line");
            Same(_expected.IsMalformed, _reader.IsMalformed, "closed by what is no count");
            Same(_expected.IsMalformed, !_reader.MalformedPrefix.IsEmpty, "has what is no count");
            SameBytes(_stream.AsSpan(_expected.IsMalformed ? _expected.Consumed : 0, _reader.MalformedPrefix.Length), _reader.MalformedPrefix.Span, "what is no count");
            Same(_expected.HoldsPartialLine, _reader.HoldsPartialLine, "holds a partial line");
            Same(_expected.IsSkipping, _reader.IsSkipping, "skips the rest of a line");
            int held = end - _consumed;
            Same(_reader.HoldsPartialLine && !_reader.IsSkipping ? held : 0, (int)_reader.PartialLineLength, "bytes of a partial line");
            // A CR, or a count and its space.
            int around = player.Format.Mode != FramingMode.Lines ? 11 : player.Format.Delimiter == '\n' ? 1 : 0;
            if (!_reader.IsOversize && !_reader.IsMalformed && held > player.Format.MaxLineSize + around)
            {
                throw new InvalidOperationException($"{held} bytes are held");
            }

            if (_expected.OversizeLines > 0)
            {
                OversizeLine oversize = _reader.LastOversizeLine;
                Same(true, oversize.LengthSeen > player.Format.MaxLineSize, "oversize line is longer than the limit");
                if (_expected.LastOversizeCount > 0)
                {
                    Same(_expected.LastOversizeCount, oversize.LengthSeen, "count of an oversize message");
                    Same(true, oversize.Prefix.Length is > 1 and <= OversizeLine.PrefixSize, "prefix size");
                }
                else
                {
                    Same((int)Math.Min(oversize.LengthSeen, OversizeLine.PrefixSize), oversize.Prefix.Length, "prefix size");
                }

                SameBytes(_stream.AsSpan(_expected.LastOversizeStart, oversize.Prefix.Length), oversize.Prefix.Span, "prefix");
            }
        }
    }

    private struct Visitor(Playing playing, int batch) : ILineVisitor
    {
        public int Taken { get; private set; }

        public bool OnLine(scoped Line line) => playing.Take(line) && ++Taken < batch;
    }
}
