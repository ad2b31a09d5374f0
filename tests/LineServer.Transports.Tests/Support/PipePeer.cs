using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Support;

/// <summary>The other end of a connection that is in memory.</summary>
internal sealed class PipePeer(PipeReader input, PipeWriter output) : Peer
{
    public override async ValueTask<int> SendSomeAsync(ReadOnlyMemory<byte> bytes)
    {
        bytes = bytes[..Math.Min(bytes.Length, 16 * 1024)];
        await output.WriteAsync(bytes);
        return bytes.Length;
    }

    public override async ValueTask<int> ReceiveAsync(Memory<byte> buffer)
    {
        ReadResult read = await input.ReadAsync();
        ReadOnlySequence<byte> some = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, buffer.Length));
        some.CopyTo(buffer.Span);
        int count = (int)some.Length; // nothing of a buffer is touched after AdvanceTo
        input.AdvanceTo(some.End);
        return read.IsCanceled ? throw new ConnectionResetException("Aborted by the server.") : count;
    }

    public override void HalfClose() => output.Complete();

    public override void Reset()
    {
        output.Complete(new ConnectionResetException("Reset by the test."));
        input.Complete();
    }

    public override void Dispose()
    {
        output.Complete();
        input.Complete();
    }
}
