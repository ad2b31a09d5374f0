using System.Globalization;
using LineServer.Framing;
using LineServer.Hosting;
using LineServer.Storage;

namespace LineServer.Handlers.Stored;

/// <summary>
/// LS1: the client names its stream and the number of its first line; the server stores the lines, and acknowledges those
/// that are durable.
/// </summary>
/// <remarks>
/// <code>
/// Opening ─► Attaching ─► Storing ─► Ending
/// any of them ─► Ending, with an error
/// </code>
/// </remarks>
internal sealed class AcknowledgingHandler(AcknowledgingEndpoint endpoint) : LineBatchHandler, IAttachmentOwner
{
    private const int RunSize = 64 * 1024;

    private StreamAttachment? _attachment;
    private State _state;
    private long? _from;
    private long _toSkip; // lines that are stored already, and sent again
    private long _received; // the number of the last line that was received
    private long _acknowledged;
    private string? _error; // code and text of the last line
    private volatile bool _repeats;

    private enum State
    {
        Opening,
        Attaching,
        Storing,
        Ending,
    }

    public override bool NeverBlocks => true;

    public override ValueTask OnBatch(LineBatch batch)
    {
        if (_state == State.Opening && batch.TryRead(out Line opening))
        {
            ValueTask opened = OpenAsync(opening);
            if (!opened.IsCompletedSuccessfully)
            {
                return opened;
            }
        }

        switch (_state)
        {
            case State.Opening:
                return default;
            case State.Attaching:
                Begin(batch.Output);
                return default;
            case State.Storing:
                return Store(batch);
            default:
                // Nothing more is stored. The connection is being closed.
                while (batch.TryReadRun(RunSize, out _, out _) || batch.TryRead(out _))
                {
                }

                return default;
        }
    }

    public override void OnWake(LineOutput output)
    {
        if (_state == State.Storing)
        {
            Acknowledge(output);
            if (_attachment!.EndReason != AttachmentEnd.None)
            {
                Connection.Close();
            }
        }
    }

    /// <summary>The last lines are committed before the last reply.</summary>
    public override ValueTask OnLinesEndedAsync(CloseReason reason, CancellationToken cancellationToken) =>
        _attachment is null ? default : _attachment.WaitForCommitAsync();

    public override void OnClosing(CloseReason reason, LineOutput output)
    {
        bool isStoring = _state == State.Storing;
        _state = State.Ending;
        if (isStoring)
        {
            Acknowledge(output);
        }

        if (_error is null && isStoring && reason == CloseReason.PeerClosed && _attachment!.EndReason == AttachmentEnd.None)
        {
            output.WriteLine($"BYE {_attachment.DurableCount} {Connection.IncompleteLength}");
        }
        else
        {
            output.WriteLine($"ERR {_error ?? ErrorOf(reason)}");
        }
    }

    public override ValueTask OnDisconnectedAsync(CloseReason reason)
    {
        endpoint.Repeater.Remove(this);
        _attachment?.Detach();
        return default;
    }

    /// <summary>Any thread: says again what is acknowledged, if lines wait, so that the client knows that we are there.</summary>
    public void RepeatAcknowledgement()
    {
        if (Volatile.Read(ref _received) > (_attachment?.DurableCount ?? long.MaxValue))
        {
            _repeats = true;
            Connection.Wake();
        }
    }

    void IAttachmentOwner.OnChanged() => Connection.Wake();

    private ValueTask OpenAsync(in Line line)
    {
        if (Opening.TryParse(line.Span, "LS1"u8, out Opening? opening) is { } problem)
        {
            endpoint.Log.Refused(Connection, problem);
            Refuse($"400 {problem}");
            return default;
        }

        if (!endpoint.Tokens.Allows(opening!))
        {
            endpoint.Log.Refused(Connection, "its token does not allow the stream");
            Refuse("401 the token does not allow this stream");
            return default;
        }

        _from = opening!.From;
        _state = State.Attaching;
        return AttachAsync(opening.Stream);
    }

    private async ValueTask AttachAsync(string stream)
    {
        try
        {
            _attachment = await endpoint.Store.AttachAsync(stream, this);
        }
        catch (StoreUnavailableException e)
        {
            Refuse(e.Refusal switch
            {
                StoreRefusal.Failed => $"507 retry=1 {e.Message.ReplaceLineEndings(" ")}",
                StoreRefusal.InUse => $"409 {e.Message}",
                StoreRefusal.TooManyStreams => $"503 {e.Message}",
                _ => $"503 retry=1 {e.Message.ReplaceLineEndings(" ")}",
            });
        }
    }

    private void Begin(LineOutput output)
    {
        long count = _attachment!.Count;
        if (_from > count + 1)
        {
            Refuse($"416 from={_from} leaves a gap: the stream has {count} lines");
            return;
        }

        _toSkip = _from is { } from ? count + 1 - from : 0;
        _received = _acknowledged = count;
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"OK {count} crc32c={_attachment.Crc:x8} max={endpoint.MaxLineSize} first={_attachment.FirstKept} store={endpoint.Store.Id} durability={endpoint.Store.Durability.ToString().ToLowerInvariant()}"));
        _state = State.Storing;
        endpoint.Repeater.Add(this);
    }

    private ValueTask Store(LineBatch batch)
    {
        while (_toSkip > 0)
        {
            if (!batch.TryRead(out _))
            {
                return default;
            }

            _toSkip--;
        }

        while (true)
        {
            ReadOnlySpan<byte> lines;
            if (!batch.TryReadRun(RunSize, out lines, out int count))
            {
                if (!batch.TryRead(out Line line))
                {
                    return default;
                }

                lines = line.RawSpan;
                count = 1;
            }

            Volatile.Write(ref _received, _received + count);
            switch (_attachment!.TryAppend(lines, count))
            {
                case AppendResult.NoRoom:
                    return AppendLaterAsync(lines.ToArray(), count);
                case AppendResult.Ended:
                    Connection.Close();
                    return default;
            }
        }
    }

    private async ValueTask AppendLaterAsync(byte[] lines, int count)
    {
        AppendResult result;
        do
        {
            await _attachment!.WaitForRoomAsync();
            result = _attachment.TryAppend(lines, count);
        }
        while (result == AppendResult.NoRoom);

        if (result == AppendResult.Ended)
        {
            Connection.Close();
        }
    }

    private void Acknowledge(LineOutput output)
    {
        long durable = _attachment!.DurableCount;
        if (durable > _acknowledged || _repeats)
        {
            _repeats = false;
            _acknowledged = durable;
            Span<byte> line = stackalloc byte[24];
            "ACK "u8.CopyTo(line);
            durable.TryFormat(line[4..], out int digits, default, CultureInfo.InvariantCulture);
            output.WriteLine(line[..(4 + digits)]);
        }
    }

    private void Refuse(string error)
    {
        _error = error;
        _state = State.Ending;
        Connection.Close();
    }

    private string ErrorOf(CloseReason reason)
    {
        switch (_attachment?.EndReason)
        {
            case AttachmentEnd.Superseded:
                return "409 a newer connection has taken the stream";
            case AttachmentEnd.StoreFailed:
                return $"507 retry=1 {_attachment.EndText?.ReplaceLineEndings(" ") ?? "the store has failed, and is being recovered"}";
            case AttachmentEnd.Unavailable:
                return $"503 retry=1 {_attachment.EndText?.ReplaceLineEndings(" ") ?? "the store is not available"}";
            case AttachmentEnd.StoreStopped:
                return "503 retry=1 the server is stopping";
        }

        return reason switch
        {
            CloseReason.LineTooLong when _attachment is null => "400 the opening is too long",
            CloseReason.LineTooLong => string.Create(CultureInfo.InvariantCulture, $"413 line {_received + 1 - _toSkip} is longer than {endpoint.MaxLineSize} bytes"),
            CloseReason.LineTimeout or CloseReason.FirstLineTimeout or CloseReason.IdleTimeout => "408 too slow",
            CloseReason.PeerClosed => "400 the connection ended before its opening",
            CloseReason.Drain or CloseReason.DrainTimeout => "503 retry=1 the server is stopping",
            _ => "503 retry=1 the server is busy",
        };
    }
}
