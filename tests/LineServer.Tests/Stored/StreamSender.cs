using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>Sends the lines of a stream, whose text follows from their numbers, and notes what was acknowledged.</summary>
internal sealed class StreamSender(string stream, int maxLineSize = 100)
{
    private const int Window = 500;

    private long _acknowledged;

    public string Stream => stream;

    public long Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>
    /// Sends until the connection is lost, the server ends it with an error, or enough is acknowledged.
    /// </summary>
    /// <returns>The error; null without one.</returns>
    public async Task<string?> SendAsync(EndPoint endPoint, long until = long.MaxValue)
    {
        try
        {
            using LineSocket socket = await LineSocket.ConnectAsync(endPoint);
            await socket.SendAsync($"LS1 {stream}\n");
            string? ok = await socket.ReadLineAsync();
            if (ok is null || IsError(ok))
            {
                return ok;
            }

            Assert.StartsWith("OK ", ok, StringComparison.Ordinal);
            long sent = Number(ok);
            Assert.True(sent >= Acknowledged, $"{stream}: {Acknowledged} lines were acknowledged, the server has {sent}");
            while (Acknowledged < until)
            {
                await socket.SendAsync(Lines(sent + 1, Window));
                sent += Window;
                while (Acknowledged < sent)
                {
                    string? line = await socket.ReadLineAsync();
                    if (line is null || IsError(line))
                    {
                        return line;
                    }

                    Assert.StartsWith("ACK ", line, StringComparison.Ordinal);
                    Assert.InRange(Number(line), Acknowledged, sent);
                    Volatile.Write(ref _acknowledged, Number(line));
                }
            }
        }
        catch (SocketException)
        {
            // The server is gone.
        }

        return null;
    }

    public void Compare(string stored)
    {
        long count = stored.Count(c => c == '\n');
        Assert.True(count >= Acknowledged, $"{stream}: {Acknowledged} lines were acknowledged, {count} are stored");
        CompareText(stored);
    }

    /// <summary>What is stored is what was sent, from the first line on, if not all of it.</summary>
    public void CompareText(string stored) =>
        Assert.True(
            string.Equals(stored, Lines(1, stored.Count(c => c == '\n')), StringComparison.Ordinal),
            $"{stream}: other bytes are stored than were sent");

    private static bool IsError(string line) => line.StartsWith("ERR ", StringComparison.Ordinal);

    private static long Number(string line) => long.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);

    private string Lines(long first, long count)
    {
        var text = new StringBuilder();
        for (long line = first; line < first + count; line++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{stream} {line} ").Append('x', (int)(line % (maxLineSize - 10))).Append('\n');
        }

        return text.ToString();
    }
}
