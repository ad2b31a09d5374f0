using System.Collections.Concurrent;
using LineServer.Connections;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>What is posted to a connection's loop runs there, once, in order.</summary>
public class PostTests
{
    private const int Threads = 4;
    private const int Items = 2000;

    [Fact]
    public async Task All_that_several_threads_post_runs_on_the_loop_once_and_in_the_order_of_each_thread()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: true);
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        IEventLoopFeature loop = pair.Server.Features.Get<IEventLoopFeature>()!;
        var ran = new ConcurrentQueue<(int Thread, int Item)>();
        int elsewhere = 0;

        await Task.WhenAll(Enumerable.Range(0, Threads).Select(thread => Task.Run(() =>
        {
            for (int item = 0; item < Items; item++)
            {
                (int, int) it = (thread, item);
                loop.Post(new Work(() =>
                {
                    ran.Enqueue(it);
                    if (Thread.CurrentThread.Name?.StartsWith("epoll-", StringComparison.Ordinal) != true)
                    {
                        Interlocked.Increment(ref elsewhere);
                    }
                }));
            }
        })));

        await Bounded.UntilTrue(() => ran.Count == Threads * Items, "all of them have run");
        Assert.Equal(0, elsewhere);
        foreach (IGrouping<int, (int Thread, int Item)> thread in ran.GroupBy(it => it.Thread))
        {
            Assert.Equal(Enumerable.Range(0, Items), thread.Select(it => it.Item));
        }
    }

    [Fact]
    public async Task What_is_posted_from_the_loop_runs_after_its_poster_and_what_throws_takes_nothing_with_it()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: true);
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        IEventLoopFeature loop = pair.Server.Features.Get<IEventLoopFeature>()!;
        var order = new ConcurrentQueue<string>();
        loop.Post(new Work(() =>
        {
            loop.Post(new Work(() => throw new InvalidOperationException("posted, and throws")));
            loop.Post(new Work(() => order.Enqueue("second")));
            order.Enqueue("first");
        }));

        await Bounded.UntilTrue(() => order.Count == 2, "both have run");
        Assert.Equal("first second", string.Join(' ', order));
    }

    [Fact]
    public async Task What_is_posted_when_the_loop_has_ended_runs_all_the_same()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: true);
        EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings());
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        using Peer peer = await SocketPeer.ConnectAsync(listener.EndPoint);
        ConnectionContext server = (await listener.AcceptAsync().InTime())!;
        IEventLoopFeature loop = server.Features.Get<IEventLoopFeature>()!;
        await factory.DisposeAsync().InTime();
        int ran = 0;
        for (int i = 0; i < Items; i++)
        {
            loop.Post(new Work(() => Interlocked.Increment(ref ran)));
        }

        await Bounded.UntilTrue(() => Volatile.Read(ref ran) == Items, "all of them have run");
        await server.DisposeAsync().InTime();
    }

    private sealed class Work(Action action) : IThreadPoolWorkItem
    {
        public void Execute() => action();
    }
}
