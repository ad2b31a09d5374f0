using System.Diagnostics.Metrics;
using System.IO.Pipelines;
using System.Net;
using LineServer.Transports.Epoll;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>Whoever blocks on a loop is found.</summary>
[Collection(nameof(Alone))]
public class HeldLoopTests
{
    [Fact]
    public async Task A_held_loop_is_reported_once_with_connection_endpoint_and_handler_and_counted()
    {
        long held = 0;
        using var meters = new MeterListener();
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "epoll.loop.held")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        meters.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref held, value));
        meters.Start();
        using var log = new TestLog();
        var options = new EpollTransportOptions { LoopCount = 1, UnsafePreferInlineScheduling = true, HeldLoopThreshold = TimeSpan.FromMilliseconds(20) };
        await using var transport = new EpollTransport<LinuxSystemCalls>(options, log, TimeProvider.System);
        await using IConnectionListener listener = await transport.BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
        using SocketPeer peer = await SocketPeer.ConnectAsync(listener.EndPoint);
        ConnectionContext connection = (await listener.AcceptAsync().InTime())!;
        connection.Features.Get<LineServer.Connections.IEventLoopFeature>()!.Handler = new NamedHandler();
        using var release = new ManualResetEventSlim();
        Task handling = BlockAtReadAsync(connection, release);
        await peer.SendAsync(new byte[1]);

        // The machine may have held the loop before, while it served something else.
        string client = connection.RemoteEndPoint!.ToString()!;
        await Bounded.UntilTrue(() => log.Messages.Any(message => message.Contains(client, StringComparison.Ordinal)), "the hold is reported");
        int reports = log.Messages.Count;

        // Held on for as long as it takes the watcher to look again, and again.
        BlockedLoopWatcher watcher = transport.Loops.All[0].Watcher!;
        for (int i = 0; i < 5; i++)
        {
            Assert.False(watcher.LookAtAll());
        }

        Assert.Equal(reports, log.Messages.Count);
        Assert.Equal(reports, Interlocked.Read(ref held));
        release.Set();
        await handling.InTime();
        await connection.DisposeAsync().InTime();
        string warning = log.Messages.Last(message => message.Contains(client, StringComparison.Ordinal));
        Assert.Contains(listener.EndPoint.ToString()!, warning, StringComparison.Ordinal);
        Assert.Contains("handler the-blocking-one", warning, StringComparison.Ordinal);
        Assert.DoesNotContain("Feature", warning, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_hold_is_reported_whenever_the_watcher_goes_to_rest()
    {
        using var log = new TestLog();
        var options = new EpollTransportOptions { LoopCount = 1, UnsafePreferInlineScheduling = true, HeldLoopThreshold = TimeSpan.FromMilliseconds(1) };
        await using var transport = new EpollTransport<LinuxSystemCalls>(options, log, TimeProvider.System);
        await using IConnectionListener listener = await transport.BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
        using SocketPeer peer = await SocketPeer.ConnectAsync(listener.EndPoint);
        ConnectionContext connection = (await listener.AcceptAsync().InTime())!;
        using var release = new SemaphoreSlim(0);
        Task handling = BlockAtEachReadAsync(connection, release);
        for (int round = 0; round < 200; round++)
        {
            int before = log.Messages.Count;
            await peer.SendAsync(new byte[1]);
            await Bounded.UntilTrue(() => log.Messages.Count > before, $"hold {round} is reported");
            release.Release();
            // The loop sleeps, and the watcher looks once more or not: at another moment of its period each time.
            Thread.SpinWait(round * 500);
        }

        peer.Dispose();
        await handling.InTime();
        await connection.DisposeAsync().InTime();
    }

    private static async Task BlockAtEachReadAsync(ConnectionContext connection, SemaphoreSlim release)
    {
        while (await connection.Transport.Input.ReadAsync() is { IsCompleted: false } read)
        {
            connection.Transport.Input.AdvanceTo(read.Buffer.End);
            release.Wait();
        }
    }

    private static async Task BlockAtReadAsync(ConnectionContext connection, ManualResetEventSlim release)
    {
        ReadResult read = await connection.Transport.Input.ReadAsync();
        connection.Transport.Input.AdvanceTo(read.Buffer.End);
        release.Wait();
    }

    private sealed class NamedHandler : ConnectionHandler
    {
        public override Task OnConnectedAsync(ConnectionContext connection) => Task.CompletedTask;

        public override string ToString() => "the-blocking-one";
    }
}
