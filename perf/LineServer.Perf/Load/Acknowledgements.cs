using System.Buffers.Text;
using System.Text;

namespace LineServer.Perf.Load;

/// <summary>
/// The answers of LS1: OK and the lines that the stream has, then ACK and the lines that are durable. An ACK never falls,
/// and never covers a line that was not sent.
/// </summary>
internal sealed class Acknowledgements(int connections) : AnswerReader(connections)
{
    private readonly long[] _stored = Filled(connections); // before this connection; -1 until OK

    // Without from=: a stream of an earlier connection goes on.
    public override byte[] OpeningOf(int number) => Encoding.ASCII.GetBytes($"LS1 perf-{number}\n");

    public override bool HasOpened(int index) => _stored[index] >= 0;

    protected override long Read(int index, ReadOnlySpan<byte> line, long sent, long answered)
    {
        if (!HasOpened(index))
        {
            _stored[index] = TryRead(line, "OK "u8, out long stored) ? stored : throw Wrong("OK", line);
            return answered;
        }

        if (!TryRead(line, "ACK "u8, out long durable))
        {
            throw Wrong("ACK", line);
        }

        // The same number again says that the server is there.
        long now = durable - _stored[index];
        return now < answered ? throw new RunFailedException($"'{Escaped.Text(line)}' is less than the {_stored[index] + answered} before")
            : now > sent ? throw new RunFailedException($"'{Escaped.Text(line)}' is more than the {_stored[index] + sent} that there are")
            : now;
    }

    private static bool TryRead(ReadOnlySpan<byte> line, ReadOnlySpan<byte> word, out long number)
    {
        number = 0;
        return line.StartsWith(word)
            && Utf8Parser.TryParse(line[word.Length..], out number, out int digits)
            && number >= 0
            && (word.Length + digits == line.Length || line[word.Length + digits] == (byte)' ');
    }

    private static RunFailedException Wrong(string expected, ReadOnlySpan<byte> line) =>
        new($"expected {expected} and a number, got '{Escaped.Text(line)}'");

    private static long[] Filled(int connections)
    {
        long[] stored = new long[connections];
        stored.AsSpan().Fill(-1);
        return stored;
    }
}
