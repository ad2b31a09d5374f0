using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Peers.KestrelPipelines;

/// <summary>Echoes lines as <see cref="LineEcho"/> does, and yields before each reply.</summary>
internal sealed class LineAwaitYield : ConnectionHandler
{
    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        PipeReader input = connection.Transport.Input;
        PipeWriter output = connection.Transport.Output;
        try
        {
            while (true)
            {
                ReadResult read = await input.ReadAsync();
                ReadOnlySequence<byte> unread = read.Buffer;
                while (LineEcho.TryTakeLine(ref unread, out ReadOnlySequence<byte> line))
                {
                    await Task.Yield();
                    LineEcho.Write(output, line);
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
    }
}
