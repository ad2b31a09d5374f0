using System.Net;
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
        StreamSender[] senders = [.. Enumerable.Range(0, Streams).Select(i => new StreamSender($"s{i}"))];
        for (int round = 0; round < Rounds; round++)
        {
            await using DaemonProcess daemon = _store.Serve("Stores:main:SegmentSize=64k");
            EndPoint endPoint = await daemon.EndPointAsync("lines");
            Task sending = Task.WhenAll(senders.Select(sender => sender.SendAsync(endPoint)));
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
}
