using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using StackExchange.Redis;

namespace LineServer.Peers.KestrelPipelines;

/// <summary>
/// Sends the text of each line to Redis, and replies with what Redis sends back. All connections share one
/// connection to Redis, on which the library pipelines commands.
/// </summary>
/// <param name="redis">The Redis.</param>
/// <param name="concurrency">The largest number of lines of a connection that wait for Redis at once.</param>
internal sealed class LineAwaitRemote(IServer redis, int concurrency) : ConnectionHandler
{
    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        try
        {
            await (concurrency == 1 ? ReplyAsync(connection) : ReplyConcurrentlyAsync(connection));
        }
        catch (ConnectionResetException)
        {
            // The peer is gone.
        }
    }

    private async Task ReplyAsync(ConnectionContext connection)
    {
        PipeReader input = connection.Transport.Input;
        PipeWriter output = connection.Transport.Output;
        while (true)
        {
            ReadResult read = await input.ReadAsync();
            ReadOnlySequence<byte> unread = read.Buffer;
            while (LineEcho.TryTakeLine(ref unread, out ReadOnlySequence<byte> line))
            {
                Write(output, await redis.EchoAsync(TextOf(line)));
            }

            FlushResult flush = await output.FlushAsync();
            input.AdvanceTo(unread.Start, unread.End);
            if (read.IsCompleted || flush.IsCompleted)
            {
                return; // The beginning of a line without its LF is dropped.
            }
        }
    }

    // The channel holds the answers in the order of lines; one more line is with the writer.
    private async Task ReplyConcurrentlyAsync(ConnectionContext connection)
    {
        PipeReader input = connection.Transport.Input;
        var pending = Channel.CreateBounded<Task<RedisValue>>(
            new BoundedChannelOptions(concurrency - 1) { SingleReader = true, SingleWriter = true });
        Task writing = WriteInOrderAsync(pending.Reader, connection);
        try
        {
            while (true)
            {
                ReadResult read = await input.ReadAsync();
                ReadOnlySequence<byte> unread = read.Buffer;
                while (LineEcho.TryTakeLine(ref unread, out ReadOnlySequence<byte> line))
                {
                    // The line begins when there is room for it. It is copied: the pipe goes on meanwhile.
                    await pending.Writer.WaitToWriteAsync();
                    _ = pending.Writer.TryWrite(redis.EchoAsync(TextOf(line).ToArray()));
                }

                input.AdvanceTo(unread.Start, unread.End);
                if (read.IsCompleted)
                {
                    return; // The beginning of a line without its LF is dropped.
                }
            }
        }
        finally
        {
            pending.Writer.Complete();
            await writing;
        }
    }

    // Replies are flushed when no further line is pending. A line without an answer ends the connection.
    private static async Task WriteInOrderAsync(ChannelReader<Task<RedisValue>> pending, ConnectionContext connection)
    {
        PipeWriter output = connection.Transport.Output;
        await foreach (Task<RedisValue> echo in pending.ReadAllAsync())
        {
            try
            {
                Write(output, await echo);
                if (!pending.TryPeek(out _))
                {
                    await output.FlushAsync();
                }
            }
            catch (Exception e) when (e is RedisException or TimeoutException)
            {
                connection.Abort(new ConnectionAbortedException("Redis has no answer", e));
            }
        }
    }

    private static ReadOnlyMemory<byte> TextOf(ReadOnlySequence<byte> line)
    {
        ReadOnlySequence<byte> text = line.Slice(0, line.Length - 1);
        return text.IsSingleSegment ? text.First : text.ToArray();
    }

    private static void Write(PipeWriter output, ReadOnlyMemory<byte> text)
    {
        output.Write(text.Span);
        output.Write("\n"u8);
    }
}
