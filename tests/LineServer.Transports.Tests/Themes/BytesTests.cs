using System.IO.Pipelines;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Themes;

/// <summary>What is sent arrives: whole, in order, once.</summary>
public abstract class BytesTests(Transport transport, int share = 1)
{
    // A transport that cuts gets a share of the bulk, so that a case stays a matter of seconds.
    private readonly int _bytes = Scale.Bytes / share;

    [Fact]
    public async Task Bytes_arrive_whole_and_in_order_both_ways_at_once()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        Task<long> reading = Payload.CheckAsync(pair.Input, 1, _bytes);
        Task<long> writing = Payload.WriteAsync(pair.Output, 2, _bytes, 16 * 1024);
        Task sending = pair.Peer.SendAsync(1, _bytes);
        Task<long> receiving = pair.Peer.CheckAsync(2, _bytes);
        await Task.WhenAll(reading, writing, sending, receiving).InTime();
        Assert.Equal([_bytes, _bytes, _bytes], new[] { await reading, await writing, await receiving });
    }

    [Fact]
    public async Task An_echo_over_many_connections_returns_every_byte()
    {
        const int Connections = 50;
        await using Listening listening = await transport.ListenAsync();
        await using var server = new EchoServer(listening);
        int bytes = _bytes / Connections;
        await Task.WhenAll(Enumerable.Range(0, Connections).Select(async seed =>
        {
            using Peer peer = await listening.ConnectAsync();
            Task sending = peer.SendAsync((ulong)seed, bytes, 1000 + (seed * 37));
            Assert.Equal(bytes, await peer.CheckAsync((ulong)seed, bytes));
            await sending;
        })).InTime();
    }

    [Fact]
    public async Task Ping_pong_of_every_small_size_keeps_the_order()
    {
        await using Listening listening = await transport.ListenAsync();
        await using var server = new EchoServer(listening);
        using Peer peer = await listening.ConnectAsync();
        for (int size = 1; size <= 300; size++)
        {
            byte[] ping = Payload.Of((ulong)size, size);
            await peer.SendAsync(ping).InTime();
            Assert.Equal(ping, await peer.ReceiveExactlyAsync(size).InTime());
        }
    }

    [Fact]
    public async Task Many_segments_in_one_flush_arrive_in_order()
    {
        const int Segments = 300;
        await using Listening listening = await transport.ListenAsync(new TransportSettings { MaxWriteBufferSize = 16 * 1024 * 1024 });
        await using Pair pair = await listening.PairAsync();
        byte[] all = Payload.Of(7, Segments * 4000);
        for (int i = 0; i < Segments; i++)
        {
            // More than is left of a segment of 4096, so the next one begins.
            Span<byte> span = pair.Output.GetSpan(4000);
            all.AsSpan(i * 4000, 4000).CopyTo(span);
            pair.Output.Advance(4000);
        }

        Task<byte[]> receiving = pair.Peer.ReceiveExactlyAsync(all.Length);
        Assert.False((await pair.Output.FlushAsync().InTime()).IsCompleted);
        Assert.Equal(all, await receiving.InTime());
    }

    [Fact]
    public async Task Memory_of_every_size_up_to_a_mebibyte_can_be_had_and_arrives()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        foreach (int size in new[] { 0, 1, 2, 100, 4095, 4096, 4097, 16384, 65536, 100_000, 1024 * 1024, 1 })
        {
            Memory<byte> memory = pair.Output.GetMemory(size);
            Assert.True(memory.Length >= Math.Max(1, size), $"{memory.Length} bytes for a hint of {size}");
            int count = Math.Max(1, size);
            byte[] bytes = Payload.Of((ulong)size, count);
            bytes.CopyTo(memory);
            pair.Output.Advance(count);
            Task<byte[]> receiving = pair.Peer.ReceiveExactlyAsync(count);
            await pair.Output.FlushAsync().InTime();
            Assert.Equal(bytes, await receiving.InTime());
        }
    }

    [Fact]
    public async Task What_was_asked_for_and_not_advanced_over_is_not_sent()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        pair.Output.GetSpan(100)[..100].Fill((byte)'x');
        pair.Output.Advance(0);
        await pair.Output.FlushAsync().InTime();
        "ab"u8.CopyTo(pair.Output.GetSpan(5000));
        pair.Output.Advance(1);
        "b"u8.CopyTo(pair.Output.GetSpan(1));
        pair.Output.Advance(1);
        await pair.Output.FlushAsync().InTime();
        Assert.Equal("ab"u8.ToArray(), await pair.Peer.ReceiveExactlyAsync(2).InTime());
    }

    [Fact]
    public async Task WriteAsync_and_AsStream_and_CopyToAsync_work_over_the_pipes()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        int size = Math.Min(_bytes, 300_000);
        Task copying = pair.Input.CopyToAsync(pair.Output);
        Task sending = pair.Peer.SendAsync(9, size);
        Assert.Equal(size, await pair.Peer.CheckAsync(9, size).InTime());
        await sending.InTime();
        pair.Peer.HalfClose();
        await copying.InTime();
        await pair.Output.WriteAsync("bye"u8.ToArray()).InTime();
        Assert.Equal("bye"u8.ToArray(), await pair.Peer.ReceiveExactlyAsync(3).InTime());
    }
}
