using System.Globalization;
using LineServer.Framing;
using LineServer.Hosting;
using LineServer.Storage;

namespace LineServer.Handlers.Stored;

/// <summary>LR1: the client names a stream and a line, and gets the lines from there on. Only what is durable is sent.</summary>
/// <remarks>
/// Errors are told before OK only: after it, everything that is sent is a line of the stream. What goes wrong then ends
/// the connection with a reset, so that nobody takes it for the end of the stream.
/// </remarks>
internal sealed class ReadHandler(ILineStore store, TokenCheck tokens, OpeningLog log, CancellationToken stopping) : LineHandler
{
    private const int LinesPerRead = 4096;

    private bool _isOpened;
    private bool _isBegun; // OK was sent

    public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
    {
        if (_isOpened)
        {
            return;
        }

        _isOpened = true;
        if (Opening.TryParse(line.Span, "LR1"u8, out Opening? opening) is { } problem)
        {
            log.Refused(Connection, problem);
            reply.WriteLine($"ERR 400 {problem}");
        }
        else if (!tokens.Allows(opening!))
        {
            log.Refused(Connection, "its token does not allow the stream");
            reply.WriteLine("ERR 401 the token does not allow this stream");
        }
        else
        {
            await SendAsync(opening!, reply, cancellationToken);
        }

        Connection.Close();
    }

    private async Task SendAsync(Opening opening, LineOutput reply, CancellationToken cancellationToken)
    {
        using ILineCursor cursor = store.OpenCursor(opening.Stream, opening.From ?? 1);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping);
        try
        {
            while (true)
            {
                Task more = store.WhenReadableAsync(opening.Stream);
                ReadOnlyMemory<byte> lines = await cursor.ReadAsync(LinesPerRead, cancellationToken);
                if (!_isBegun)
                {
                    if (lines.IsEmpty && !opening.Follows && !await store.HasLinesAsync(opening.Stream, cancellationToken))
                    {
                        reply.WriteLine("ERR 404 no such stream");
                        return;
                    }

                    _isBegun = true;
                    reply.WriteLine(string.Create(CultureInfo.InvariantCulture, $"OK from={opening.From ?? 1} store={store.Id}"));
                }

                if (!lines.IsEmpty)
                {
                    reply.Write(lines.Span);
                    await Connection.FlushAsync();
                }
                else if (opening.Follows)
                {
                    await Connection.FlushAsync();
                    await more.WaitAsync(ending.Token);
                }
                else
                {
                    return;
                }
            }
        }
        catch (LineNotKeptException e)
        {
            Fail(reply, string.Create(CultureInfo.InvariantCulture, $"410 first={e.FirstKept} the line is no longer kept"));
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            Fail(reply, $"507 {e.Message.ReplaceLineEndings(" ")}");
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            // A follower does not hold up the server's end.
        }
    }

    private void Fail(LineOutput reply, string error)
    {
        if (!_isBegun)
        {
            reply.WriteLine($"ERR {error}");
            return;
        }

        log.Refused(Connection, error);
        Connection.Abort();
    }
}
