using LineServer.Linux;

namespace LineServer.Client.Streams;

/// <summary>
/// Decides whether a server's stream is the one that was sent so far, and moves the cursor to the first line that the server
/// lacks. Every disagreement is an error: nothing is sent to a stream that may be someone else's.
/// </summary>
internal sealed class Resumption(string stream, ILineSource source, LineCursor cursor, StreamMarks marks, bool resend, Action<string> tell)
{
    /// <summary>Checks the server's answer and moves the cursor.</summary>
    /// <param name="status">The answer.</param>
    /// <param name="state">What is known of the stream: the store, and the lines that it has acknowledged.</param>
    /// <param name="cancellationToken">Ends the reading of a long file.</param>
    /// <exception cref="StreamProblemException">The stream is another one; the message says in what.</exception>
    /// <exception cref="IOException">The source cannot be read.</exception>
    public void Resume(StreamStatus status, StreamState state, CancellationToken cancellationToken)
    {
        if (status.Crc32C is not uint crc)
        {
            throw new StreamProblemException("the server gives no checksum of its lines, so nothing can be resumed");
        }

        CheckStore(status, state);
        CheckCount(status, state);
        if (source.Start is not { } start)
        {
            source.Anchor(status.Count, crc);
        }
        else if (status.Count < start.Lines)
        {
            Rebase(status.Count, crc, start);
        }

        if (!cursor.TryMoveTo(status.Count, cancellationToken))
        {
            throw NotThisStream($"the server has {status.Count} lines, {source.Name} ends at line {cursor.LinesFound}");
        }

        if (cursor.Position.Crc != crc)
        {
            throw NotThisStream($"the first {status.Count} lines that the server has are others (CRC-32C {crc:x8}, here {cursor.Position.Crc:x8})");
        }

        marks.Reset(cursor.Position);
    }

    private void CheckStore(StreamStatus status, StreamState state)
    {
        if (state.StoreId is not null && status.StoreId is not null && state.StoreId != status.StoreId)
        {
            Refuse(
                $"ANOTHER STORE: the server's is {EscapedText.Of(status.StoreId)} and has {status.Count} lines of {stream}; "
                + $"{EscapedText.Of(state.StoreId)} had acknowledged {state.Acknowledged}");
        }
    }

    private void CheckCount(StreamStatus status, StreamState state)
    {
        if (status.Count < state.Acknowledged && (status.StoreId is null || state.StoreId is null || state.StoreId == status.StoreId))
        {
            Refuse($"LINES ARE LOST: the server has {status.Count} lines of {stream}, but had acknowledged {state.Acknowledged}");
        }
    }

    /// <summary>The lines that the server lacks are partly gone here.</summary>
    private void Rebase(long count, uint crc, StreamMark start)
    {
        Refuse($"LINES ARE LOST: the server has {count} lines of {stream}, and those up to {start.Lines} are no longer here");
        source.Anchor(count, crc);
    }

    private void Refuse(string what)
    {
        if (!resend)
        {
            throw new StreamProblemException($"{what}. --resend sends again what it lacks");
        }

        tell($"{what}. What it lacks is sent again, as far as it is here (--resend)");
    }

    private StreamProblemException NotThisStream(string why)
    {
        string hint = source.Hint is null ? "" : $" ({source.Hint})";
        return new($"{source.Name} is not the file of the stream {stream}: {why}{hint}");
    }
}
