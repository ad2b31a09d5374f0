using System.Diagnostics;
using System.Net.Sockets;

namespace LineServer.Client;

/// <summary>Receives the replies of one connection; copies, counts, checks and times them.</summary>
internal sealed class ReplyReceiver(Connection connection, IReplyCopy copy, ReplyCheck check)
{
    /// <summary>The number of bytes after which one connection yields its thread to the others.</summary>
    private const int TurnSize = 1024 * 1024;

    private bool _copied = true;

    public SendGate? Gate { get; init; }

    public SendTimes? Times { get; init; }

    /// <summary>Receives until the server closes or the connection fails.</summary>
    public async Task RunAsync()
    {
        try
        {
            await ReceiveAllAsync();
        }
        catch (SocketException e)
        {
            connection.Fail(e);
        }
        catch (IOException e)
        {
            connection.Fail($"the input cannot be read again: {e.Message}");
        }
        catch (Exception e) when (e is ObjectDisposedException or OperationCanceledException)
        {
            Debug.Assert(connection.Failure is not null, "a connection was closed under its receiver without a reason");
        }
        finally
        {
            connection.End();
            Gate?.End();
            await CopyEndAsync();
        }
    }

    private async Task ReceiveAllAsync()
    {
        int turn = 0;
        while (await connection.Client.ReceiveAsync(copy.Buffer) is int length and > 0)
        {
            long now = Stopwatch.GetTimestamp();
            long answeredBefore = check.AnsweredLines;
            string? wrong = check.Received(copy.Buffer.Span[..length], connection.BegunLines);
            Times?.Received(check.Replies, now);
            connection.Received(check.Replies, length);
            connection.CopyBegins();
            _copied = await copy.CopyAsync(length);
            connection.CopyEnded();
            if (!_copied)
            {
                return;
            }

            if (wrong is not null)
            {
                connection.Fail(wrong);
                return;
            }

            Gate?.Received(check.AnsweredLines - answeredBefore, length);
            turn += length;
            if (turn >= TurnSize)
            {
                turn = 0;
                await Task.Yield();
            }
        }
    }

    private async Task CopyEndAsync()
    {
        if (!await copy.EndAsync() || !_copied)
        {
            // ReplyOutput reports the reason.
            connection.Fail("");
        }
    }
}
