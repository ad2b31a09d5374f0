using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Peers.KestrelPipelines;

/// <summary>
/// Echoes lines in the shape of the Pipelines example: slice a line off at PositionOf, write it, flush after each
/// read.
/// </summary>
internal sealed class LineEcho : ConnectionHandler
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
                while (TryTakeLine(ref unread, out ReadOnlySequence<byte> line))
                {
                    Write(output, line);
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

    internal static void Write(PipeWriter output, ReadOnlySequence<byte> line)
    {
        foreach (ReadOnlyMemory<byte> segment in line)
        {
            output.Write(segment.Span);
        }
    }

    /// <param name="unread">Loses the line.</param>
    /// <param name="line">With its LF.</param>
    internal static bool TryTakeLine(ref ReadOnlySequence<byte> unread, out ReadOnlySequence<byte> line)
    {
        if (unread.PositionOf((byte)'\n') is not { } lf)
        {
            line = default;
            return false;
        }

        SequencePosition next = unread.GetPosition(1, lf);
        line = unread.Slice(0, next);
        unread = unread.Slice(next);
        return true;
    }
}
