using System.Net.Sockets;

namespace LineServer.Client.Streams;

/// <summary>
/// One attached connection: sends from the cursor on, and takes the acknowledgments, until every line is acknowledged or
/// the connection ends.
/// </summary>
internal sealed class StreamSession(LineStreamClient client, LineCursor cursor, ILineSource source, StreamProgress progress, StreamTiming timing)
{
    private string? _problem;
    private bool _isStopped;

    /// <summary>Called with the number of durable lines when it has grown.</summary>
    public required Action<long> OnAcknowledged { get; init; }

    /// <summary>What a server's ERR means, on opening and later.</summary>
    public static StreamEnd FromReply(StreamReply reply) =>
        new(reply.IsFinal ? StreamEndKind.Final : StreamEndKind.Again, new LineStreamException(reply).Message, reply.RetryAfter);

    /// <summary>Runs to the connection's end, and closes it.</summary>
    /// <param name="stop">Sends nothing more, and waits for what is outstanding.</param>
    /// <param name="abort">Waits no longer.</param>
    public async Task<StreamEnd> RunAsync(CancellationToken stop, CancellationToken abort)
    {
        using var watch = new ReplyWatch(client.Status.Count, timing);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(abort, watch.Lost);
        client.OnReceived = watch.Heard;
        Task sending = Task.Run(() => SendAsync(watch, stop, over.Token), CancellationToken.None);
        StreamEnd end;
        try
        {
            end = await ReceiveAsync(watch, over.Token);
        }
        finally
        {
            await over.CancelAsync();
            client.Dispose();
            await sending;
        }

        return !watch.IsAllAcknowledged || _isStopped ? end
            : _problem is null ? new(StreamEndKind.Complete)
            : new(StreamEndKind.Final, _problem);
    }

    private async Task SendAsync(ReplyWatch watch, CancellationToken stop, CancellationToken over)
    {
        try
        {
            try
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, over);
                while (await NextAsync(either.Token) is { IsEmpty: false } bytes)
                {
                    long lines = cursor.Position.Lines;
                    long sent = lines - watch.Begun;
                    watch.Begins(lines);
                    progress.Position = cursor.Position.Offset;
                    await client.SendAsync(bytes, over);
                    progress.Sent(sent, bytes.Length);
                }
            }
            catch (OperationCanceledException) when (!over.IsCancellationRequested)
            {
                // What was sent is still acknowledged.
                _isStopped = true;
            }
            catch (Exception e) when (e is StreamProblemException or IOException)
            {
                // Told at the end: the lines before it are still acknowledged.
                _problem = e is StreamProblemException ? e.Message : $"{source.Name} cannot be read: {e.Message}";
            }

            client.CompleteSending();
            watch.Completed();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The receiver tells why.
        }
    }

    /// <returns>Empty at the end of the source.</returns>
    private async ValueTask<ReadOnlyMemory<byte>> NextAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ReadOnlyMemory<byte> bytes = cursor.Read(client.Status.MaxLineSize);
            if (!bytes.IsEmpty || !await source.WaitAsync(cursor.Position, cursor.End, cancellationToken))
            {
                return bytes;
            }
        }
    }

    private async Task<StreamEnd> ReceiveAsync(ReplyWatch watch, CancellationToken over)
    {
        long acknowledged = client.Status.Count;
        try
        {
            while (await client.ReceiveAsync(over) is StreamReply reply)
            {
                if (reply.Kind == StreamReplyKind.Failed)
                {
                    return FromReply(reply);
                }

                if (reply.Count > watch.Begun)
                {
                    return new(StreamEndKind.Final, $"the server counts {reply.Count} lines, but only {watch.Begun} were sent: someone else sends this stream");
                }

                watch.Acknowledged(reply.Count);
                if (reply.Count > acknowledged)
                {
                    acknowledged = reply.Count;
                    OnAcknowledged(acknowledged);
                }

                if (reply.Kind == StreamReplyKind.Ended)
                {
                    break;
                }
            }

            return new(StreamEndKind.Again, "the server closed the connection");
        }
        catch (SocketException e)
        {
            return new(StreamEndKind.Again, ConnectionError.DescribeLoss(e));
        }
        catch (OperationCanceledException)
        {
            return new(StreamEndKind.Again, watch.Lost.IsCancellationRequested
                ? $"the server has been silent for {timing.SilenceLimit.TotalSeconds:0.###} s"
                : "ended");
        }
    }
}
