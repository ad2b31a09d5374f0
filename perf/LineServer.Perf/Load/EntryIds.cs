namespace LineServer.Perf.Load;

/// <summary>
/// The answers of Redis to XADD: one bulk string for each entry, "$15 CR LF 1700000000000-0 CR LF". They are counted; the
/// ids are Redis' own.
/// </summary>
internal sealed class EntryIds(int connections) : AnswerReader(connections)
{
    private readonly bool[] _isIdNext = new bool[connections];

    protected override long Read(int index, ReadOnlySpan<byte> line, long sent, long answered)
    {
        bool isId = _isIdNext[index];
        _isIdNext[index] = !isId;
        return !isId && (line.Length < 2 || line[0] != (byte)'$' || line[1] is < (byte)'0' or > (byte)'9')
                ? throw new RunFailedException($"expected the id of an entry, got '{Escaped.Text(line)}'")
            : !isId ? answered
            : !line.Contains((byte)'-') ? throw new RunFailedException($"'{Escaped.Text(line)}' is no id of an entry")
            : answered == sent ? throw new RunFailedException($"one more id than the {sent} entries that were sent")
            : answered + 1;
    }
}
