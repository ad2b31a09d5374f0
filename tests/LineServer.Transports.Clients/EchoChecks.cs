using System.Net;
using System.Net.Sockets;

namespace LineServer.Transports.Clients;

/// <summary>Connections that send a pattern, and compare what an echo server sends back.</summary>
internal static class EchoChecks
{
    /// <summary>All connections are open at once; each sends its bytes, half-closes, and reads until the server closes.</summary>
    public static async Task RunAsync(EndPoint server, IPAddress from, int connections, long bytesEach)
    {
        var sockets = new Socket[connections];
        for (int i = 0; i < connections; i++)
        {
            sockets[i] = await ClientSocket.ConnectAsync(server, from);
        }

        await Task.WhenAll(sockets.Select((socket, i) => CheckAsync(socket, new BytePattern((ulong)i + ((ulong)Environment.ProcessId << 16)), bytesEach)));
    }

    /// <summary>One after the other on each of <paramref name="lanes"/> lanes: connect, a few bytes there and back, close; every third is reset.</summary>
    public static Task ConnectAndCloseAsync(EndPoint server, IPAddress from, int connections, int lanes) =>
        Task.WhenAll(Enumerable.Range(0, lanes).Select(lane => Task.Run(async () =>
        {
            for (int i = lane; i < connections; i += lanes)
            {
                Socket socket = await ClientSocket.ConnectAsync(server, from);
                var pattern = new BytePattern((ulong)i);
                byte[] bytes = new byte[64];
                pattern.Fill(bytes, 0);
                await socket.SendAsync(bytes);
                byte[] echo = new byte[64];
                int received = 0;
                while (received < echo.Length)
                {
                    int count = await socket.ReceiveAsync(echo.AsMemory(received));
                    received += count > 0 ? count : throw new EndOfStreamException($"Connection {i} ended after {received} bytes.");
                }

                pattern.Check(echo, 0);
                if (i % 3 == 0)
                {
                    socket.LingerState = new LingerOption(true, 0);
                }

                socket.Dispose();
            }
        })));

    private static async Task CheckAsync(Socket socket, BytePattern pattern, long bytes)
    {
        using Socket connection = socket;
        Task sending = SendAsync(socket, pattern, bytes);
        byte[] buffer = new byte[64 * 1024];
        long received = 0;
        while (await socket.ReceiveAsync(buffer) is var count and > 0)
        {
            pattern.Check(buffer.AsSpan(0, count), received);
            received += count;
        }

        await sending;
        if (received != bytes)
        {
            throw new InvalidDataException($"{received} bytes came back, not {bytes}.");
        }
    }

    private static async Task SendAsync(Socket socket, BytePattern pattern, long bytes)
    {
        byte[] buffer = new byte[64 * 1024];
        for (long sent = 0; sent < bytes;)
        {
            int count = (int)Math.Min(buffer.Length, bytes - sent);
            pattern.Fill(buffer.AsSpan(0, count), sent);
            for (int part = 0; part < count;)
            {
                part += await socket.SendAsync(buffer.AsMemory(part, count - part));
            }

            sent += count;
        }

        socket.Shutdown(SocketShutdown.Send);
    }
}
