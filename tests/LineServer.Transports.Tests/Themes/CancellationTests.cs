using System.Buffers;
using System.IO.Pipelines;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Themes;

/// <summary>Reads and flushes that are called off, and a connection that lives on without having lost a byte.</summary>
public abstract class CancellationTests(Transport transport)
{
    private static readonly TransportSettings Small = new() { KernelBuffer = 8192, MaxWriteBufferSize = 8192 };

    [Fact]
    public async Task A_pending_read_can_be_cancelled_and_the_next_one_reads()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        for (byte i = 0; i < 50; i++)
        {
            ValueTask<ReadResult> pending = pair.Input.ReadAsync();
            Assert.False(pending.IsCompleted);
            pair.Input.CancelPendingRead();
            ReadResult read = await pending.InTime();
            Assert.True(read is { IsCanceled: true, IsCompleted: false, Buffer.IsEmpty: true });
            pair.Input.AdvanceTo(read.Buffer.End);
            await pair.Peer.SendAsync(new[] { i });
            Assert.Equal([i], await pair.Input.ReadExactlyAsync(1).InTime());
        }
    }

    [Fact]
    public async Task A_cancellation_that_comes_before_the_read_is_kept_for_it_and_only_for_it()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        pair.Input.CancelPendingRead();
        pair.Input.CancelPendingRead();
        ReadResult read = await pair.Input.ReadAsync().InTime();
        Assert.True(read.IsCanceled);
        pair.Input.AdvanceTo(read.Buffer.End);
        ValueTask<ReadResult> pending = pair.Input.ReadAsync();
        Assert.False(pending.IsCompleted);
        await pair.Peer.SendAsync("a"u8.ToArray());
        read = await pending.InTime();
        Assert.False(read.IsCanceled);
        Assert.Equal("a"u8.ToArray(), read.Buffer.ToArray());
        pair.Input.CancelPendingRead(); // between a read and its AdvanceTo
        pair.Input.AdvanceTo(read.Buffer.End);
        Assert.True((await pair.Input.ReadAsync().InTime()).IsCanceled);
    }

    [Fact]
    public async Task A_cancelled_TryRead_says_so()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        pair.Input.CancelPendingRead();
        Assert.True(pair.Input.TryRead(out ReadResult read));
        Assert.True(read.IsCanceled);
        pair.Input.AdvanceTo(read.Buffer.End);
        Assert.False(pair.Input.TryRead(out _));
    }

    [Fact]
    public async Task A_cancelled_read_does_not_lose_what_was_there()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        await pair.Peer.SendAsync("abc"u8.ToArray());
        ReadResult read = await pair.Input.ReadAtLeastAsync(3).InTime();
        pair.Input.AdvanceTo(read.Buffer.GetPosition(1), read.Buffer.End);
        pair.Input.CancelPendingRead();
        read = await pair.Input.ReadAsync().InTime();
        Assert.True(read.IsCanceled);
        pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        await pair.Peer.SendAsync("d"u8.ToArray());
        Assert.Equal("bcd"u8.ToArray(), await pair.Input.ReadExactlyAsync(3).InTime());
    }

    [Fact]
    public async Task Reads_cancelled_from_another_thread_again_and_again_lose_nothing()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        const int Size = 500_000;
        Task sending = pair.Peer.SendAsync(1, Size, 5000);
        using var done = new CancellationTokenSource();
        Task cancelling = Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                pair.Input.CancelPendingRead();
                await Task.Yield();
            }
        });
        Assert.Equal(Size, await Payload.CheckAsync(pair.Input, 1, Size).InTime());
        await done.CancelAsync();
        await cancelling.InTime();
        await sending.InTime();
    }

    [Fact]
    public async Task A_token_ends_a_read_before_it_begins_and_while_it_waits()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pair.Input.ReadAsync(new CancellationToken(canceled: true)).InTime());
        for (byte i = 0; i < 20; i++)
        {
            using var source = new CancellationTokenSource();
            ValueTask<ReadResult> pending = pair.Input.ReadAsync(source.Token);
            Assert.False(pending.IsCompleted);
            await source.CancelAsync();
            OperationCanceledException error = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending.InTime());
            Assert.Equal(source.Token, error.CancellationToken);
            await pair.Peer.SendAsync(new[] { i });
            Assert.Equal([i], await pair.Input.ReadExactlyAsync(1).InTime());
        }
    }

    [Fact]
    public async Task A_token_that_is_cancelled_after_its_read_does_nothing_to_the_next()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        using var source = new CancellationTokenSource();
        ValueTask<ReadResult> pending = pair.Input.ReadAsync(source.Token);
        await pair.Peer.SendAsync("a"u8.ToArray());
        ReadResult read = await pending.InTime();
        pair.Input.AdvanceTo(read.Buffer.End);
        pending = pair.Input.ReadAsync();
        await source.CancelAsync();
        Assert.False(pending.IsCompleted);
        await pair.Peer.SendAsync("b"u8.ToArray());
        Assert.Equal("b"u8.ToArray(), (await pending.InTime()).Buffer.ToArray());
    }

    [Fact]
    public async Task Tokens_cancelled_at_any_moment_lose_nothing()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        const int Size = 300_000;
        Task sending = pair.Peer.SendAsync(1, Size, 2000);
        var pattern = new Clients.BytePattern(1);
        long at = 0;
        while (at < Size)
        {
            using var source = new CancellationTokenSource();
            Task cancelling = Task.Run(source.Cancel);
            try
            {
                ReadResult read = await pair.Input.ReadAsync(source.Token).InTime();
                foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                {
                    pattern.Check(segment.Span, at);
                    at += segment.Length;
                }

                pair.Input.AdvanceTo(read.Buffer.End);
            }
            catch (OperationCanceledException)
            {
                // Once more.
            }

            await cancelling.InTime();
        }

        await sending.InTime();
    }

    [Fact]
    public async Task A_flush_that_waits_can_be_cancelled_and_its_bytes_arrive_once()
    {
        await using Listening listening = await transport.ListenAsync(Small);
        await using Pair pair = await listening.PairAsync(socket => socket.ReceiveBufferSize = 8192);
        (ValueTask<FlushResult> waiting, long total) = FillUntilAFlushWaits(pair.Output);
        pair.Output.CancelPendingFlush();
        FlushResult flush = await waiting.InTime();
        // Kestrel's sockets send from another task, so the flush may have been done already; then the cancellation is kept for the next.
        Assert.False(flush.IsCompleted);
        Task<byte[]> receiving = pair.Peer.ReceiveExactlyAsync((int)total + 3);
        await pair.Output.WriteAsync("end"u8.ToArray()).InTime();
        await pair.Output.FlushAsync().InTime();
        CheckFilled(await receiving.InTime(), total);
    }

    [Fact]
    public async Task A_cancellation_that_comes_before_the_flush_is_kept_for_it_and_its_bytes_arrive()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        pair.Output.CancelPendingFlush();
        Assert.True((await pair.Output.WriteAsync("ab"u8.ToArray()).InTime()).IsCanceled);
        Assert.False((await pair.Output.WriteAsync("c"u8.ToArray()).InTime()).IsCanceled);
        Assert.Equal("abc"u8.ToArray(), await pair.Peer.ReceiveExactlyAsync(3).InTime());
    }

    [Fact]
    public async Task A_token_ends_a_flush_that_waits_and_its_bytes_arrive_once()
    {
        await using Listening listening = await transport.ListenAsync(Small);
        await using Pair pair = await listening.PairAsync(socket => socket.ReceiveBufferSize = 8192);
        using var source = new CancellationTokenSource();
        (ValueTask<FlushResult> waiting, long total) = FillUntilAFlushWaits(pair.Output, source.Token);
        await source.CancelAsync();
        Exception? error = await Record.ExceptionAsync(() => waiting.InTime());
        Assert.True(error is null or OperationCanceledException, error?.ToString());
        Task<byte[]> receiving = pair.Peer.ReceiveExactlyAsync((int)total + 3);
        await pair.Output.WriteAsync("end"u8.ToArray()).InTime();
        CheckFilled(await receiving.InTime(), total);
    }

    [Fact]
    public async Task A_cancelled_token_ends_a_flush_before_it_begins_and_the_bytes_stay()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        "ab"u8.CopyTo(pair.Output.GetSpan(2));
        pair.Output.Advance(2);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pair.Output.FlushAsync(new CancellationToken(canceled: true)).InTime());
        await pair.Output.FlushAsync().InTime();
        Assert.Equal("ab"u8.ToArray(), await pair.Peer.ReceiveExactlyAsync(2).InTime());
    }

    private static (ValueTask<FlushResult> Waiting, long Total) FillUntilAFlushWaits(PipeWriter output, CancellationToken token = default)
    {
        var pattern = new Clients.BytePattern(1);
        long total = 0;
        while (true)
        {
            pattern.Fill(output.GetSpan(1000)[..1000], total);
            output.Advance(1000);
            total += 1000;
            ValueTask<FlushResult> flush = output.FlushAsync(token);
            if (!flush.IsCompleted)
            {
                return (flush, total);
            }

            Assert.True(total < 50_000_000, "No flush waits though nobody reads.");
        }
    }

    private static void CheckFilled(byte[] received, long total)
    {
        new Clients.BytePattern(1).Check(received.AsSpan(0, (int)total), 0);
        Assert.Equal("end"u8.ToArray(), received[(int)total..]);
    }
}
