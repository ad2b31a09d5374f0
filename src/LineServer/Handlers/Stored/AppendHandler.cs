using System.Buffers;
using LineServer.Framing;
using LineServer.Hosting;
using LineServer.Storage;

namespace LineServer.Handlers.Stored;

/// <summary>
/// Stores every complete line into the endpoint's stream, and tells the client nothing. While the store cannot take
/// lines, the connection is not read.
/// </summary>
internal sealed class AppendHandler(ILineStore store, string stream, TimeProvider time) : LineBatchHandler, IAttachmentOwner
{
    private const int RunSize = 64 * 1024;

    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(500);

    private StreamAttachment? _attachment;

    public override bool NeverBlocks => true;

    public override ValueTask OnBatch(LineBatch batch)
    {
        if (_attachment is not { EndReason: AttachmentEnd.None })
        {
            ValueTask attached = AttachAsync();
            if (!attached.IsCompletedSuccessfully)
            {
                return attached;
            }
        }

        while (true)
        {
            if (batch.TryReadRun(RunSize, out ReadOnlySpan<byte> lines, out int count))
            {
                if (_attachment!.TryAppend(lines, count) != AppendResult.Taken)
                {
                    return AppendLaterAsync(lines.ToArray(), count);
                }
            }
            else if (batch.TryRead(out Line line))
            {
                if (!TryAppend(line, out byte[]? rest))
                {
                    return AppendLaterAsync(rest, 1);
                }
            }
            else
            {
                return default;
            }
        }
    }

    public override ValueTask OnDisconnectedAsync(CloseReason reason)
    {
        _attachment?.Detach();
        return default;
    }

    // Nobody waits for a commit here; the end is seen with the next lines.
    void IAttachmentOwner.OnChanged()
    {
    }

    private bool TryAppend(in Line line, out byte[]? rest)
    {
        ReadOnlySpan<byte> raw = line.RawSpan;
        ReadOnlySpan<byte> whole = line switch
        {
            { HasTerminator: false } => ToOneLine(raw),
            // An LF that was counted in ends the line. A CR before it belongs to the text, as in lines without a count.
            { IsCounted: true } => ToOneLine(raw[..^1]),
            _ => raw,
        };
        bool isTaken = _attachment!.TryAppend(whole, 1) == AppendResult.Taken;
        rest = isTaken ? null : whole.ToArray();
        return isTaken;
    }

    /// <summary>
    /// A line that was cut, or that came with a count. An LF within it is written as rsyslog writes one: #012.
    /// </summary>
    private static byte[] ToOneLine(ReadOnlySpan<byte> text)
    {
        var line = new ArrayBufferWriter<byte>(text.Length + 1);
        while (text.IndexOf(LineFormat.LineFeed) is var end and >= 0)
        {
            line.Write(text[..end]);
            line.Write("#012"u8);
            text = text[(end + 1)..];
        }

        line.Write(text);
        line.Write([LineFormat.LineFeed]);
        return line.WrittenSpan.ToArray();
    }

    private async ValueTask AttachAsync()
    {
        while (true)
        {
            try
            {
                _attachment?.Detach();
                _attachment = null;
                _attachment = await store.ShareAsync(stream, this);
                return;
            }
            catch (StoreUnavailableException)
            {
                // The log says what the store has. Clients are not read until it takes lines again.
                await Task.Delay(RetryPause, time, Connection.Aborted);
            }
        }
    }

    private async ValueTask AppendLaterAsync(byte[]? lines, int count)
    {
        while (_attachment!.TryAppend(lines, count) is var result and not AppendResult.Taken)
        {
            await (result == AppendResult.NoRoom ? _attachment.WaitForRoomAsync() : AttachAsync());
        }
    }
}
