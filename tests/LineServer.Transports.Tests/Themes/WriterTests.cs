using System.Buffers;
using System.IO.Pipelines;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Themes;

/// <summary>The writer's count of what it holds.</summary>
public abstract class WriterTests(Transport transport)
{
    [Fact]
    public async Task Unflushed_bytes_are_what_was_written_since_the_last_flush()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        Assert.True(pair.Output.CanGetUnflushedBytes);
        Assert.Equal(0, pair.Output.UnflushedBytes);
        long written = 0;
        foreach (int size in new[] { 1, 100, 4096, 50_000, 0, 7 })
        {
            _ = pair.Output.GetMemory(size);
            Assert.Equal(written, pair.Output.UnflushedBytes);
            pair.Output.Advance(size);
            written += size;
            Assert.Equal(written, pair.Output.UnflushedBytes);
        }

        Task<byte[]> receiving = pair.Peer.ReceiveExactlyAsync((int)written);
        await pair.Output.FlushAsync().InTime();
        Assert.Equal(0, pair.Output.UnflushedBytes);
        await receiving.InTime();
    }

    [Fact]
    public async Task A_flush_of_nothing_completes()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        for (int i = 0; i < 3; i++)
        {
            FlushResult flush = await pair.Output.FlushAsync().InTime();
            Assert.True(flush is { IsCanceled: false, IsCompleted: false });
        }
    }

    [Fact]
    public async Task Flushes_from_changing_threads_keep_the_order()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        const int Size = 300_000;
        byte[] bytes = Payload.Of(1, Size);
        Task<byte[]> receiving = pair.Peer.ReceiveExactlyAsync(Size);
        for (int at = 0; at < Size; at += 1000)
        {
            int from = at;
            await Task.Run(async () =>
            {
                pair.Output.Write(bytes.AsSpan(from, 1000));
                await pair.Output.FlushAsync();
            }).InTime();
        }

        Assert.Equal(bytes, await receiving.InTime());
    }

    [Fact]
    public async Task What_is_written_while_a_flush_waits_is_sent_by_the_next_one()
    {
        await using Listening listening = await transport.ListenAsync(new TransportSettings { MaxWriteBufferSize = 10_000, KernelBuffer = 8192 });
        await using Pair pair = await listening.PairAsync(socket => socket.ReceiveBufferSize = 8192);
        byte[] bytes = Payload.Of(1, 6_000_000);
        int at = 0;
        ValueTask<FlushResult> waiting;
        do
        {
            pair.Output.Write(bytes.AsSpan(at, 5000));
            at += 5000;
            waiting = pair.Output.FlushAsync();
        }
        while (waiting.IsCompleted);

        // System.IO.Pipelines allows it: the buffer grows.
        pair.Output.Write(bytes.AsSpan(at, 9999));
        at += 9999;
        Task<byte[]> receiving = pair.Peer.ReceiveExactlyAsync(at);
        await waiting.InTime();
        await pair.Output.FlushAsync().InTime();
        Assert.True((await receiving.InTime()).AsSpan().SequenceEqual(bytes.AsSpan(0, at)));
    }
}
