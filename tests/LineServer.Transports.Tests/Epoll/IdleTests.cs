using System.Reflection;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>A connection that waits holds no buffer.</summary>
public class IdleTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_connection_that_waits_for_its_next_read_holds_no_array(bool inline)
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline);
        await using Listening listening = await transport.ListenAsync();
        await using Pair idle = await listening.PairAsync();
        await idle.Peer.SendAsync(1, 100_000).InTime();
        Assert.Equal(100_000, await Payload.CheckAsync(idle.Input, 1, 100_000).InTime());
        Task<byte[]> receiving = idle.Peer.ReceiveExactlyAsync(50_000);
        await Payload.WriteAsync(idle.Output, 2, 50_000, 1000).InTime();
        await receiving.InTime();
        Task<byte[]> waiting = idle.Input.ReadExactlyAsync(1);
        Assert.False(waiting.IsCompleted);
        // Private state, for nothing else can be asked: what is rented is not allocated, and what is pooled is not counted.
        await Bounded.UntilTrue(() => Field<ReceivedBytes>(idle.Input, "_received").IsEmpty && Field<byte[]?>(idle.Output, "_array") is null);
        await idle.Peer.SendAsync(new byte[1]);
        await waiting.InTime();
    }

    private static T Field<T>(object of, string name) =>
        (T)of.GetType().GetField(name, BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(of)!;
}
