using System.Text;
using System.Threading.Channels;
using LineServer.Framing;

namespace LineServer.Storage.PostgreSql.Tests.Database;

/// <summary>
/// Sends the lines of a stream, each known by its number, as a client of LS1 does: attaches, goes on behind the count, and
/// attaches again when the attachment has ended.
/// </summary>
internal sealed class Sender(PostgreSqlStore store, string stream) : IAttachmentOwner
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly Channel<bool> _told = Channel.CreateUnbounded<bool>();

    public string Stream => stream;

    /// <summary>What was acknowledged, ever.</summary>
    public long Acknowledged { get; private set; }

    /// <summary>How often it had to attach.</summary>
    public int Attachments { get; private set; }

    public static string LinesOf(string stream, long from, long count)
    {
        var lines = new StringBuilder();
        for (long number = from; number < from + count; number++)
        {
            lines.Append(stream).Append(' ').Append(number).Append('\n');
        }

        return lines.ToString();
    }

    /// <summary>Sends until so many lines are acknowledged.</summary>
    public async Task SendAsync(long lines, CancellationToken cancellationToken)
    {
        while (Acknowledged < lines)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                await AttachAndSendAsync(lines, cancellationToken);
            }
            catch (StoreUnavailableException)
            {
                await Task.Delay(20, cancellationToken);
            }
        }
    }

    void IAttachmentOwner.OnChanged() => _told.Writer.TryWrite(true);

    private async Task AttachAndSendAsync(long lines, CancellationToken cancellationToken)
    {
        StreamAttachment attachment = await store.AttachAsync(stream, this).AsTask().WaitAsync(Limit, cancellationToken);
        Attachments++;
        try
        {
            Assert.True(attachment.Count >= Acknowledged, $"{stream}: {Acknowledged} lines were acknowledged, {attachment.Count} are there");
            Assert.Equal(Crc32C.Of(Encoding.ASCII.GetBytes(LinesOf(stream, 1, attachment.Count))), attachment.Crc);
            long sent = Acknowledged = attachment.Count;
            while (sent < lines && attachment.EndReason == AttachmentEnd.None)
            {
                int count = (int)Math.Min(lines - sent, 1 + (sent % 100));
                byte[] text = Encoding.ASCII.GetBytes(LinesOf(stream, sent + 1, count));
                switch (attachment.TryAppend(text, count))
                {
                    case AppendResult.Taken:
                        sent += count;
                        break;
                    case AppendResult.NoRoom:
                        await attachment.WaitForRoomAsync().AsTask().WaitAsync(Limit, cancellationToken);
                        break;
                }

                Acknowledged = attachment.DurableCount;
            }

            while (attachment.EndReason == AttachmentEnd.None && attachment.DurableCount < sent)
            {
                await _told.Reader.ReadAsync(cancellationToken).AsTask().WaitAsync(Limit, cancellationToken);
            }

            Acknowledged = attachment.DurableCount;
        }
        finally
        {
            attachment.Detach();
        }
    }
}
