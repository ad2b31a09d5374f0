using System.IO.Pipelines;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Themes;

/// <summary>Abort, dispose and reset from other threads, at any moment: every wait ends.</summary>
public abstract class RaceTests(Transport transport)
{
    public enum Doing
    {
        Nothing,
        Reading,
        Writing,
        Echoing,
    }

    public enum Ending
    {
        Abort,
        Dispose,
        Reset,
        AbortAndDispose,
        CancelAndAbort,
    }

    public static MatrixTheoryData<Doing, Ending> Races => new(Enum.GetValues<Doing>(), Enum.GetValues<Ending>());

    [Theory]
    [MemberData(nameof(Races))]
    public async Task Every_wait_ends_whoever_ends_the_connection(Doing doing, Ending ending)
    {
        await using Listening listening = await transport.ListenAsync(new TransportSettings { KernelBuffer = 8192, MaxWriteBufferSize = 4096 });
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        bool mayGarble = (ending is Ending.Dispose or Ending.AbortAndDispose) && !transport.DisposesBesideUse;
        for (int round = 0; round < Scale.Rounds; round++)
        {
            using Peer peer = await listening.ConnectAsync(socket => socket.ReceiveBufferSize = 8192);
            ConnectionContext server = await listening.AcceptAsync();
            Task sending = Swallow(() => peer.SendAsync(1, 1_000_000, 3000), mayGarble);
            Task receiving = doing == Doing.Echoing ? Swallow(() => peer.CheckAsync(1, long.MaxValue), mayGarble) : Task.CompletedTask;
            Task handling = Swallow(() => doing switch
            {
                Doing.Reading => Payload.CheckAsync(server.Transport.Input, 1, long.MaxValue),
                Doing.Writing => Payload.WriteAsync(server.Transport.Output, 2, long.MaxValue, 1000),
                Doing.Echoing => EchoServer.EchoAsync(server),
                _ => Task.CompletedTask,
            }, mayGarble);
            int spins = random.Next(3000);
            string what = $"{doing} while {ending}, round {round}, seed {seed}";
            await Task.WhenAll(Endings(ending, server, peer).Select(end => Task.Run(() =>
            {
                Thread.SpinWait(spins);
                return end();
            }))).InTime($"ending: {what}");
            if (ending is not Ending.Reset)
            {
                await handling.InTime($"handling: {what}");
                await DisposeAsync(server).InTime($"disposing: {what}");
                peer.Dispose();
            }
            else
            {
                await handling.InTime($"handling: {what}");
                await DisposeAsync(server).InTime($"disposing: {what}");
            }

            await sending.InTime($"sending: {what}");
            await receiving.InTime($"receiving: {what}");
        }
    }

    [Fact]
    public async Task An_aborted_connection_says_so_to_its_reader_and_takes_the_reason()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        Task<byte[]> reading = pair.Input.ReadToEndAsync();
        pair.Server.Abort(new ConnectionAbortedException("because"));
        ConnectionAbortedException error = await Assert.ThrowsAsync<ConnectionAbortedException>(() => reading.InTime());
        Assert.Equal("because", error.Message);
        Assert.True(await Payload.WriteAsync(pair.Output, 1, 50_000_000, 1000).InTime() < 50_000_000);
    }

    [Fact]
    public async Task Aborting_twice_and_disposing_twice_is_harmless()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        pair.Server.Abort();
        pair.Server.Abort(new ConnectionAbortedException("again"));
        await pair.Server.DisposeAsync().InTime();
        await pair.Server.DisposeAsync().InTime();
        pair.Server.Abort();
        pair.Input.CancelPendingRead();
        pair.Output.CancelPendingFlush();
    }

    private Func<Task>[] Endings(Ending ending, ConnectionContext server, Peer peer) => ending switch
    {
        Ending.Abort => [Abort(server)],
        Ending.Dispose => [Dispose(server, peer)],
        Ending.Reset => [() => ResetAsync(peer)],
        Ending.AbortAndDispose => [Abort(server), Dispose(server, peer), Abort(server)],
        _ => [() => CancelAsync(server), Abort(server), () => CancelAsync(server)],
    };

    private static Func<Task> Abort(ConnectionContext server) => () =>
    {
        server.Abort(new ConnectionAbortedException("by the test"));
        return Task.CompletedTask;
    };

    // A disposed connection sends what was flushed: a peer that does not read must go, or that waits for ever.
    private Func<Task> Dispose(ConnectionContext server, Peer peer) => () =>
    {
        Task disposing = DisposeAsync(server);
        peer.Dispose();
        return disposing;
    };

    private async Task DisposeAsync(ConnectionContext server)
    {
        try
        {
            await server.DisposeAsync();
        }
        catch (NullReferenceException) when (!transport.DisposesBesideUse)
        {
        }
    }

    private static Task ResetAsync(Peer peer)
    {
        peer.Reset();
        return Task.CompletedTask;
    }

    private static Task CancelAsync(ConnectionContext server)
    {
        server.Transport.Input.CancelPendingRead();
        server.Transport.Output.CancelPendingFlush();
        return Task.CompletedTask;
    }

    private static async Task Swallow(Func<Task> work, bool mayGarble)
    {
        await Task.Yield();
#pragma warning disable CA1031 // how it ends is another test's; here it must end
        try
        {
            await work();
        }
        catch (Exception e) when (mayGarble || e is not InvalidDataException)
        {
        }
#pragma warning restore CA1031
    }
}
