using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>
/// A ledger over many deaths of the server: eight streams at once, SIGKILL at a random moment, and what was acknowledged
/// is there, once and in order.
/// </summary>
public sealed class KillTests : IDisposable
{
    private const int Streams = 8;

    private readonly StoreDirectory _store = new();

    /// <summary>A few rounds in every run; 200 with LINESERVER_TESTS=full.</summary>
    private static int Rounds => Environment.GetEnvironmentVariable("LINESERVER_TESTS") == "full" ? 200 : 4;

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task No_acknowledged_line_is_lost_or_doubled_by_a_kill()
    {
#pragma warning disable CA5394 // Nothing secret: the moments of the kills.
        var random = new Random(13);
        Sender[] senders = [.. Enumerable.Range(0, Streams).Select(i => new Sender($"s{i}"))];
        for (int round = 0; round < Rounds; round++)
        {
            await using DaemonProcess daemon = _store.Serve("Stores:main:SegmentSize=64k");
            EndPoint endPoint = await daemon.EndPointAsync("lines");
            Task sending = Task.WhenAll(senders.Select(sender => sender.SendUntilLostAsync(endPoint)));
            long enough = senders.Sum(sender => sender.Acknowledged) + random.Next(1, 20_000);
            while (senders.Sum(sender => sender.Acknowledged) < enough)
            {
                Assert.False(sending.IsCompleted, "a sender has ended before its server");
                await Task.Yield();
            }

            daemon.Send(Signal.Killed);
            await daemon.StatusAsync();
            await sending.Guarded();
        }
#pragma warning restore CA5394

        await using DaemonProcess last = _store.Serve();
        await last.EndPointAsync("lines");
        Assert.Equal(0, await last.StopAsync());
        Assert.All(senders, sender => sender.Compare(_store.Lines(sender.Stream)));
        TestContext.Current.SendDiagnosticMessage(
            $"{Rounds} kills, {senders.Sum(sender => sender.Acknowledged)} lines acknowledged, 0 lost, 0 doubled, 0 out of order");
    }

    /// <summary>Sends the lines of a stream, whose text follows from their numbers, and notes what was acknowledged.</summary>
    private sealed class Sender(string stream)
    {
        private const int Window = 500;

        private long _acknowledged;

        public string Stream => stream;

        public long Acknowledged => Volatile.Read(ref _acknowledged);

        public async Task SendUntilLostAsync(EndPoint endPoint)
        {
            try
            {
                using LineSocket socket = await LineSocket.ConnectAsync(endPoint);
                await socket.SendAsync($"LS1 {stream}\n");
                string? ok = await socket.ReadLineAsync();
                if (ok is null)
                {
                    return;
                }

                Assert.StartsWith("OK ", ok, StringComparison.Ordinal);
                long sent = Number(ok);
                Assert.True(sent >= Acknowledged, $"{stream}: {Acknowledged} lines were acknowledged, the server has {sent}");
                while (true)
                {
                    await socket.SendAsync(Lines(sent + 1, Window));
                    sent += Window;
                    while (Acknowledged < sent)
                    {
                        string? line = await socket.ReadLineAsync();
                        if (line is null)
                        {
                            return;
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
        }

        public void Compare(string stored)
        {
            long count = stored.Count(c => c == '\n');
            Assert.True(count >= Acknowledged, $"{stream}: {Acknowledged} lines were acknowledged, {count} are stored");
            Assert.True(string.Equals(stored, Lines(1, count), StringComparison.Ordinal), $"{stream}: other bytes are stored than were sent");
        }

        private static long Number(string line) => long.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture);

        private string Lines(long first, long count)
        {
            var text = new StringBuilder();
            for (long line = first; line < first + count; line++)
            {
                text.Append(CultureInfo.InvariantCulture, $"{stream} {line} ").Append('x', (int)(line % 90)).Append('\n');
            }

            return text.ToString();
        }
    }
}
