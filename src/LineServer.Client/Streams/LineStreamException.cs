using LineServer.Linux;

namespace LineServer.Client.Streams;

/// <summary>The server has refused or ended the attachment of a stream: its line <c>ERR</c>.</summary>
public sealed class LineStreamException : Exception
{
    /// <param name="reply">A reply of the kind <see cref="StreamReplyKind.Failed"/>.</param>
    public LineStreamException(StreamReply reply)
        : base($"the server says: {reply.Code} {EscapedText.Of(reply.Text ?? "")}") => Reply = reply;

    /// <summary>The server's line; <see cref="StreamReply.IsFinal"/> tells whether to try again.</summary>
    public StreamReply Reply { get; }
}
