using System.Buffers;
using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace LineServer.Framing.Tests;

/// <summary>Found and shrunk by FsCheck.</summary>
public class PropertyTests
{
    private static readonly Config Thousand = Config.QuickThrowOnFailure.WithMaxTest(1000);

    // Few different bytes, so that what matters meets often.
    private static readonly Gen<string> Streams = Gen.Elements("\n\n\r\rabc\0\xFF".ToCharArray()).ArrayOf().Select(chars => new string(chars));

    // Counts that are right, and some that are not.
    private static readonly Gen<string> Messages =
        Gen.OneOf(
            Streams.Select(message => $"{message.Length} {message}"),
            Streams.Select(line => $"{line}\n"),
            Gen.Elements("\n\r 0123a".ToCharArray()).ArrayOf().Select(chars => new string(chars)))
        .ArrayOf().Select(string.Concat);

    private static readonly Gen<LineFormat> Formats =
        from limit in Gen.Choose(1, 12)
        from oversize in Gen.Elements(Enum.GetValues<OversizeLineBehavior>())
        from incomplete in Gen.Elements(Enum.GetValues<IncompleteLineBehavior>())
        from mode in Gen.Elements(Enum.GetValues<FramingMode>())
        from delimiter in mode == FramingMode.Lines ? Gen.Elements((byte)'\n', (byte)'\n', (byte)0, (byte)'\r', (byte)0xFF) : Gen.Constant((byte)'\n')
        select new LineFormat { Mode = mode, MaxLineSize = limit, OversizeLineBehavior = oversize, IncompleteLineBehavior = incomplete, Delimiter = delimiter };

    [Fact]
    public void Every_delivery_of_every_stream_is_read_as_the_reference_reads_it()
    {
        Gen<(string Stream, LineFormat Format, int Seed)> cases =
            from stream in Gen.OneOf(Streams, Messages)
            from format in Formats
            from seed in Gen.Choose(0, int.MaxValue - 1)
            select (stream, format, seed);
        Prop.ForAll(
            Arb.From(cases, a => Shorter(a.Stream).Select(stream => (stream, a.Format, a.Seed))),
            a => new StreamPlayer(Encoding.Latin1.GetBytes(a.Stream), a.Format).Play(RandomDelivery.Of(new Random(a.Seed), a.Stream.Length)))
            .Check(Thousand);
    }

    [Fact]
    public void What_is_written_as_lines_is_read_as_those_lines()
    {
        // A CR at the end of a line would be read as part of the terminator.
        Gen<string[]> lines = Streams.Select(line => line.Replace("\n", string.Empty, StringComparison.Ordinal).TrimEnd('\r')).ArrayOf();
        Prop.ForAll(
            Arb.From(lines),
            lines =>
            {
                ArrayBufferWriter<byte> output = new();
                Array.ForEach(lines, line => output.WriteLine(Encoding.Latin1.GetBytes(line)));
                LineReader reader = new(LineFormat.Default);
                reader.BeginRead(new ReadOnlySequence<byte>(output.WrittenMemory), isCompleted: true);
                List<string> read = [];
                foreach (Line line in reader)
                {
                    read.Add(Encoding.Latin1.GetString(line.Span));
                }

                return read.SequenceEqual(lines, StringComparer.Ordinal);
            }).Check(Thousand);
    }

    private static IEnumerable<string> Shorter(string stream)
    {
        yield return stream[..(stream.Length / 2)];
        yield return stream[(stream.Length / 2)..];
        for (int i = 0; i < stream.Length; i++)
        {
            yield return stream.Remove(i, 1);
        }
    }
}
