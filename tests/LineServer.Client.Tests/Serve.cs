using System.Net.Sockets;

namespace LineServer.Client.Tests;

/// <summary>Handlers for the connections of a test's server.</summary>
internal static class Serve
{
    private const byte LineFeed = (byte)'\n';

    /// <summary>Echoes bytes as they arrive.</summary>
    public static Task EchoAsync(Socket socket) => EchoAsync(socket, () => Task.CompletedTask);

    /// <summary>
    /// Echoes bytes as they arrive. <paramref name="beforeEnd"/> runs after the last one, while the
    /// connection is still open.
    /// </summary>
    public static async Task EchoAsync(Socket socket, Func<Task> beforeEnd)
    {
        byte[] buffer = new byte[64 * 1024];
        while (await socket.ReceiveAsync(buffer) is int length and > 0)
        {
            await socket.SendAsync(buffer.AsMemory(0, length));
        }

        await beforeEnd();
        socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>
    /// Answers each complete line with the result of <paramref name="reply"/> (LF included); null for no
    /// answer.
    /// </summary>
    public static Func<Socket, Task> Lines(Func<string, string?> reply) => async socket =>
    {
        await foreach (string line in LinesOf(socket))
        {
            if (reply(line) is string text)
            {
                await socket.SendAsync(System.Text.Encoding.Latin1.GetBytes(text));
            }
        }

        socket.Shutdown(SocketShutdown.Send);
    };

    /// <summary>The complete lines that arrive, each with its LF.</summary>
    public static async IAsyncEnumerable<string> LinesOf(Socket socket)
    {
        byte[] buffer = new byte[64 * 1024];
        var line = new List<byte>();
        while (await socket.ReceiveAsync(buffer) is int length and > 0)
        {
            for (int start = 0; start < length;)
            {
                int lineFeed = buffer.AsSpan(start, length - start).IndexOf(LineFeed);
                int end = lineFeed < 0 ? length : start + lineFeed + 1;
                line.AddRange(buffer.AsSpan(start, end - start));
                start = end;
                if (lineFeed >= 0)
                {
                    string text = System.Text.Encoding.Latin1.GetString(line.ToArray());
                    line.Clear();
                    yield return text;
                }
            }
        }
    }

    /// <summary>Reads to the client's FIN. Returns the number of bytes.</summary>
    public static async Task<long> DiscardAsync(Socket socket)
    {
        byte[] buffer = new byte[64 * 1024];
        long total = 0;
        while (await socket.ReceiveAsync(buffer) is int length and > 0)
        {
            total += length;
        }

        return total;
    }

    /// <summary>Reads to the client's FIN. Returns the bytes.</summary>
    public static async Task<byte[]> CollectAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all);
        return all.ToArray();
    }

    /// <summary>Keeps the connection open without reading or sending until <paramref name="end"/>.</summary>
    public static Func<Socket, Task> Silence(Task end) => _ => end;

    /// <summary>Closes so that the client gets a reset.</summary>
    public static void Reset(Socket socket)
    {
        socket.LingerState = new LingerOption(enable: true, seconds: 0);
        socket.Close();
    }
}
