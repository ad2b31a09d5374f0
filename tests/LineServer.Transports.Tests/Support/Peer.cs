namespace LineServer.Transports.Tests.Support;

/// <summary>The other end of a connection: what a client can do.</summary>
public abstract class Peer : IDisposable
{
    /// <summary>Sends some of the bytes, at least one; returns how many.</summary>
    public abstract ValueTask<int> SendSomeAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>0 at the end of the stream; an exception after a reset.</summary>
    public abstract ValueTask<int> ReceiveAsync(Memory<byte> buffer);

    /// <summary>FIN; receiving goes on.</summary>
    public abstract void HalfClose();

    /// <summary>RST.</summary>
    public abstract void Reset();

    public abstract void Dispose();

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await SendSomeAsync(bytes)..];
        }
    }

    public async Task<byte[]> ReceiveExactlyAsync(int count)
    {
        byte[] bytes = new byte[count];
        for (int received = 0; received < count;)
        {
            int some = await ReceiveAsync(bytes.AsMemory(received));
            received += some > 0 ? some : throw new EndOfStreamException($"The stream ended after {received} of {count} bytes.");
        }

        return bytes;
    }

    public async Task<byte[]> ReceiveToEndAsync()
    {
        var all = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        while (await ReceiveAsync(buffer) is var count and > 0)
        {
            all.Write(buffer, 0, count);
        }

        return all.ToArray();
    }
}
