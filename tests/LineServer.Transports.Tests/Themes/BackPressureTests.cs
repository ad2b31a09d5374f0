using System.IO.Pipelines;
using System.Net.Sockets;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections.Features;

namespace LineServer.Transports.Tests.Themes;

/// <summary>Who does not read stops who writes, within the limits; and reading on lets it go on.</summary>
public abstract class BackPressureTests(Transport transport)
{
    private const int KernelBuffer = 16 * 1024;
    private const int Limit = 64 * 1024;
    private const int Piece = 4096;

    private static readonly TransportSettings Small = new() { KernelBuffer = KernelBuffer, MaxReadBufferSize = Limit, MaxWriteBufferSize = Limit };

    [Fact]
    public async Task A_peer_that_does_not_read_makes_flushes_wait_and_reading_lets_them_go_on()
    {
        await using Listening listening = await transport.ListenAsync(Small);
        await using Pair pair = await listening.PairAsync(Shrink);
        long received = 0;
        long mostAhead = 0;
        long flushed = 0;
        long bytes = Scale.Bytes / 2;
        Task<long> writing = Payload.WriteAsync(pair.Output, 1, bytes, Piece, count =>
        {
            Volatile.Write(ref flushed, count);
            mostAhead = Math.Max(mostAhead, count - Volatile.Read(ref received));
        });
        await FullAsync(pair, () => Volatile.Read(ref flushed));
        Assert.False(writing.IsCompleted);
        Assert.Equal(bytes, await pair.Peer.CheckAsync(1, bytes, count => Volatile.Write(ref received, count)).InTime());
        Assert.Equal(bytes, await writing.InTime());
        long most = Limit + Piece + (64 * 1024) + transport.KernelSlack(KernelBuffer);
        Assert.True(mostAhead <= most, $"{mostAhead} bytes were taken ahead of the peer, more than {most}");
    }

    [Fact]
    public async Task A_server_that_does_not_read_stops_its_peer_and_reading_lets_it_go_on()
    {
        await using Listening listening = await transport.ListenAsync(Small);
        await using Pair pair = await listening.PairAsync(Shrink);
        long consumed = 0;
        long mostAhead = 0;
        long sent = 0;
        long bytes = Scale.Bytes / 2;
        Task sending = pair.Peer.SendAsync(1, bytes, Piece, count =>
        {
            Volatile.Write(ref sent, count);
            mostAhead = Math.Max(mostAhead, count - Volatile.Read(ref consumed));
        });
        if (pair.Peer is SocketPeer { Socket: var socket })
        {
            await Bounded.UntilTrue(() => Volatile.Read(ref sent) > 0 && !socket.Poll(0, SelectMode.SelectWrite));
        }

        Assert.False(sending.IsCompleted);
        Assert.Equal(bytes, await Payload.CheckAsync(pair.Input, 1, bytes, count => Volatile.Write(ref consumed, count)).InTime());
        await sending.InTime();
        // What one read has brought is consumed after the peer has sent more.
        long most = (2 * Limit) + Piece + (256 * 1024) + transport.KernelSlack(KernelBuffer);
        Assert.True(mostAhead <= most, $"{mostAhead} bytes were taken ahead of the reader, more than {most}");
    }

    [Fact]
    public async Task A_flush_that_waits_is_completed_when_the_peer_has_read_not_before()
    {
        await using Listening listening = await transport.ListenAsync(Small);
        await using Pair pair = await listening.PairAsync(Shrink);
        long total = 0;
        ValueTask<FlushResult> waiting;
        do
        {
            Payload.Of((ulong)total, Piece).CopyTo(pair.Output.GetSpan(Piece));
            pair.Output.Advance(Piece);
            total += Piece;
            waiting = pair.Output.FlushAsync();
            // Kestrel's sockets send from another task: a flush may wait for a moment only.
            await Bounded.UntilTrue(() => waiting.IsCompleted || !IsWritable(pair));
            if (waiting.IsCompleted)
            {
                Assert.False((await waiting).IsCompleted);
                waiting = ValueTask.FromResult(default(FlushResult));
            }
        }
        while (waiting.IsCompleted);

        Task<byte[]> receiving = pair.Peer.ReceiveExactlyAsync((int)total);
        FlushResult flush = await waiting.InTime();
        Assert.True(flush is { IsCanceled: false, IsCompleted: false });
        await receiving.InTime();
    }

    private static void Shrink(Socket socket)
    {
        socket.ReceiveBufferSize = KernelBuffer;
        socket.SendBufferSize = KernelBuffer;
    }

    private static bool IsWritable(Pair pair) =>
        pair.Server.Features.Get<IConnectionSocketFeature>() is { } feature && feature.Socket.Poll(0, SelectMode.SelectWrite);

    private static Task FullAsync(Pair pair, Func<long> flushed) =>
        Bounded.UntilTrue(() => flushed() >= Limit / 2 && !IsWritable(pair), "the kernel's buffers are full");
}
