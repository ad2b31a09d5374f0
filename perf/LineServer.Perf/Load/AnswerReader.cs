namespace LineServer.Perf.Load;

/// <summary>
/// Reads the answers of a server that does not send the lines back, but says how many it has. For one thread. It
/// allocates nothing per answer.
/// </summary>
internal abstract class AnswerReader
{
    // The longest line of an answer: OK with all its keys, or an error.
    private const int MaxLineSize = 512;

    private readonly byte[][] _begun;
    private readonly int[] _begunSize;

    protected AnswerReader(int connections)
    {
        _begun = new byte[connections][];
        _begunSize = new int[connections];
    }

    /// <summary>What a connection sends before its first line; empty for nothing.</summary>
    /// <param name="number">The connection's number.</param>
    public virtual byte[] OpeningOf(int number) => [];

    /// <summary>True if lines may be sent on a connection.</summary>
    public virtual bool HasOpened(int index) => true;

    /// <summary>Reads what has arrived on a connection.</summary>
    /// <param name="index">The connection.</param>
    /// <param name="came">The bytes.</param>
    /// <param name="sent">The complete lines that were sent.</param>
    /// <param name="answered">The lines that were answered before.</param>
    /// <returns>The lines that are answered now.</returns>
    /// <exception cref="RunFailedException">An answer is wrong, or an error. The message lacks the connection.</exception>
    public long Take(int index, ReadOnlySpan<byte> came, long sent, long answered)
    {
        while (!came.IsEmpty)
        {
            int end = came.IndexOf((byte)'\n');
            ReadOnlySpan<byte> piece = end < 0 ? came : came[..end];
            came = end < 0 ? default : came[(end + 1)..];
            if (end < 0 || _begunSize[index] > 0)
            {
                Keep(index, piece);
                if (end < 0)
                {
                    break;
                }

                piece = _begun[index].AsSpan(0, _begunSize[index]);
                _begunSize[index] = 0;
            }

            answered = Read(index, piece, sent, answered);
        }

        return answered;
    }

    /// <summary>Reads one line of an answer, without its LF.</summary>
    protected abstract long Read(int index, ReadOnlySpan<byte> line, long sent, long answered);

    private void Keep(int index, ReadOnlySpan<byte> piece)
    {
        byte[] begun = _begun[index] ??= new byte[MaxLineSize];
        int size = _begunSize[index];
        if (size + piece.Length > MaxLineSize)
        {
            throw new RunFailedException($"an answer is longer than {MaxLineSize} bytes: '{Escaped.Text(begun.AsSpan(0, size))}'");
        }

        piece.CopyTo(begun.AsSpan(size));
        _begunSize[index] = size + piece.Length;
    }
}
