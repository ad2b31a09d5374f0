using System.Collections.Concurrent;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Themes;

/// <summary>ConnectionClosed tells that the connection is over: once, whatever ended it.</summary>
public abstract class LifetimeTests(Transport transport)
{
    public enum Ending
    {
        Reset,
        Abort,
        Dispose,
        PeerThenDispose,
    }

    public static TheoryData<Ending> Endings => [.. Enum.GetValues<Ending>()];

    [Theory]
    [MemberData(nameof(Endings))]
    public async Task ConnectionClosed_fires_once(Ending ending)
    {
        await using Listening listening = await transport.ListenAsync();
        Pair pair = await listening.PairAsync();
        int fired = 0;
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration registration = pair.Server.ConnectionClosed.Register(() =>
        {
            Interlocked.Increment(ref fired);
            closed.TrySetResult();
        });
        Assert.False(pair.Server.ConnectionClosed.IsCancellationRequested);
        // Somebody reads, as every host does.
        Task reading = Task.Run(() => Record.ExceptionAsync(() => pair.Input.ReadToEndAsync()));
        switch (ending)
        {
            case Ending.Reset:
                pair.Peer.Reset();
                break;
            case Ending.Abort:
                pair.Server.Abort();
                break;
            case Ending.PeerThenDispose:
                pair.Peer.Dispose();
                await reading.InTime();
                await pair.Server.DisposeAsync().InTime();
                break;
            default:
                await pair.Server.DisposeAsync().InTime();
                break;
        }

        await closed.Task.InTime($"ConnectionClosed after {ending}");
        await reading.InTime();
        await pair.DisposeAsync();
        Assert.Equal(1, Volatile.Read(ref fired));
    }

    [Fact]
    public async Task A_callback_of_ConnectionClosed_that_throws_harms_nobody()
    {
        await using Listening listening = await transport.ListenAsync();
        await using var server = new EchoServer(listening, async connection =>
        {
            connection.ConnectionClosed.Register(() => throw new InvalidOperationException("from a callback"));
            await EchoServer.EchoAsync(connection);
        });
        using Peer stays = await listening.ConnectAsync();
        await CheckEchoAsync(stays);
        using (Peer leaves = await listening.ConnectAsync())
        {
            await CheckEchoAsync(leaves);
        }

        await CheckEchoAsync(stays);
        using Peer next = await listening.ConnectAsync();
        await CheckEchoAsync(next);
    }

    [Fact]
    public async Task Connection_ids_differ()
    {
        await using Listening listening = await transport.ListenAsync();
        var ids = new ConcurrentDictionary<string, bool>(StringComparer.Ordinal);
        for (int i = 0; i < 100; i++)
        {
            await using Pair pair = await listening.PairAsync();
            Assert.True(ids.TryAdd(pair.Server.ConnectionId, true));
        }
    }

    private static async Task CheckEchoAsync(Peer peer)
    {
        await peer.SendAsync("ping"u8.ToArray()).InTime();
        Assert.Equal("ping"u8.ToArray(), await peer.ReceiveExactlyAsync(4).InTime());
    }
}
