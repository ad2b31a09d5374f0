using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using LineServer.Framing;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Benchmarks.Shapes;

/// <summary>The shapes that were tried and not taken, each with a loop of its own, without limits and timeouts: what they cost at least.</summary>
internal static class RejectedShapes
{
    /// <summary>A line as a sequence into a delegate: every handler must care for lines in pieces, though hardly any is.</summary>
    public delegate void SequenceDelegate(in ReadOnlySequence<byte> line, IBufferWriter<byte> reply);

    /// <summary>A line into a delegate, found by one search each.</summary>
    public static async Task SequenceDelegateAsync(ConnectionContext connection, SequenceDelegate onLine)
    {
        PipeReader input = connection.Transport.Input;
        PipeWriter output = connection.Transport.Output;
        while (true)
        {
            ReadResult read = await input.ReadAsync();
            ReadOnlySequence<byte> buffer = read.Buffer;
            while (TryReadLine(ref buffer, out ReadOnlySequence<byte> line))
            {
                onLine(in line, output);
            }

            await output.FlushAsync();
            input.AdvanceTo(buffer.Start, buffer.End);
            if (read.IsCompleted)
            {
                return;
            }
        }
    }

    /// <summary>The handler asks for lines, as a thread for each client would: <c>while (await lines.ReadAsync() is { } line)</c>.</summary>
    public static async Task PullAsync(ConnectionContext connection, Func<PullLines, Task> serve) =>
        await serve(new PullLines(connection.Transport));

    /// <summary>The textbook: lines of text, by StreamReader and StreamWriter.</summary>
    public static async Task TextAsync(ConnectionContext connection, Func<string, string?> reply)
    {
        using var reader = new StreamReader(connection.Transport.Input.AsStream(), Encoding.UTF8, bufferSize: 64 * 1024);
        await using var writer = new StreamWriter(connection.Transport.Output.AsStream(), bufferSize: 64 * 1024) { NewLine = "\n" };
        while (await reader.ReadLineAsync() is { } line)
        {
            if (reply(line) is { } text)
            {
                await writer.WriteLineAsync(text);
            }
        }
    }

    private static bool TryReadLine(ref ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> line)
    {
        if (buffer.PositionOf(LineFormat.LineFeed) is not { } end)
        {
            line = default;
            return false;
        }

        line = buffer.Slice(0, end);
        buffer = buffer.Slice(buffer.GetPosition(1, end));
        return true;
    }

    /// <summary>Lines on demand. Flushes when the lines of a read are used up, so that it is not slow for want of batching.</summary>
    internal sealed class PullLines(IDuplexPipe transport)
    {
        private ReadOnlySequence<byte> _buffer;
        private bool _completed;

        public PipeWriter Output => transport.Output;

        public async ValueTask<ReadOnlySequence<byte>?> ReadAsync()
        {
            while (true)
            {
                if (TryReadLine(ref _buffer, out ReadOnlySequence<byte> line))
                {
                    return line;
                }

                await transport.Output.FlushAsync();
                if (_completed)
                {
                    return null;
                }

                transport.Input.AdvanceTo(_buffer.Start, _buffer.End);
                ReadResult read = await transport.Input.ReadAsync();
                (_buffer, _completed) = (read.Buffer, read.IsCompleted);
            }
        }
    }
}
