using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Peers.KestrelPipelines;

/// <summary>
/// Echoes lines as <see cref="LineEcho"/> does. Before each reply, the line goes to a second task of the connection
/// and comes back.
/// </summary>
internal sealed class LineAwaitTask : ConnectionHandler
{
    private static readonly UnboundedChannelOptions OneToOne = new() { SingleReader = true, SingleWriter = true };

    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        PipeReader input = connection.Transport.Input;
        PipeWriter output = connection.Transport.Output;
        var there = Channel.CreateUnbounded<ReadOnlySequence<byte>>(OneToOne);
        var back = Channel.CreateUnbounded<ReadOnlySequence<byte>>(OneToOne);
        Task second = ReturnAsync(there.Reader, back.Writer);
        try
        {
            while (true)
            {
                ReadResult read = await input.ReadAsync();
                ReadOnlySequence<byte> unread = read.Buffer;
                while (LineEcho.TryTakeLine(ref unread, out ReadOnlySequence<byte> line))
                {
                    await there.Writer.WriteAsync(line);
                    LineEcho.Write(output, await back.Reader.ReadAsync());
                }

                FlushResult flush = await output.FlushAsync();
                input.AdvanceTo(unread.Start, unread.End);
                if (read.IsCompleted || flush.IsCompleted)
                {
                    return; // The beginning of a line without its LF is dropped.
                }
            }
        }
        catch (ConnectionResetException)
        {
            // The peer is gone.
        }
        finally
        {
            there.Writer.Complete();
            await second;
        }
    }

    private static async Task ReturnAsync(
        ChannelReader<ReadOnlySequence<byte>> there, ChannelWriter<ReadOnlySequence<byte>> back)
    {
        await foreach (ReadOnlySequence<byte> line in there.ReadAllAsync())
        {
            await back.WriteAsync(line);
        }
    }
}
