namespace LineServer.Client.Streams;

/// <summary>The lines that a server of acknowledged lines sends.</summary>
public enum StreamReplyKind
{
    /// <summary><c>OK</c>: the stream is attached; see <see cref="StreamReply.Status"/>.</summary>
    Attached,

    /// <summary><c>ACK</c>: so many lines of the stream are durable.</summary>
    Acknowledged,

    /// <summary><c>BYE</c>: all that was received is durable; the server closes.</summary>
    Ended,

    /// <summary><c>ERR</c>: the server closes for a reason of its own.</summary>
    Failed,
}
