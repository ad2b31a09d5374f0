using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Peers.KestrelPipelines;

/// <summary>Slices lines off as <see cref="LineEcho"/> does, and drops them.</summary>
internal sealed class LineDiscard : ConnectionHandler
{
    public override async Task OnConnectedAsync(ConnectionContext connection)
    {
        PipeReader input = connection.Transport.Input;
        try
        {
            while (true)
            {
                ReadResult read = await input.ReadAsync();
                ReadOnlySequence<byte> unread = read.Buffer;
                while (LineEcho.TryTakeLine(ref unread, out _))
                {
                }

                input.AdvanceTo(unread.Start, unread.End);
                if (read.IsCompleted)
                {
                    return;
                }
            }
        }
        catch (ConnectionResetException)
        {
            // The peer is gone.
        }
    }
}
