using System.Buffers;
using System.IO.Pipelines;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Themes;

/// <summary>The reader's contract: consumed, examined, at least, and whether something is there.</summary>
public abstract class ReaderTests(Transport transport)
{
    [Fact]
    public async Task What_was_examined_and_not_consumed_comes_again_with_more()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        await pair.Peer.SendAsync("ab"u8.ToArray());
        ReadResult read = await pair.Input.ReadAtLeastAsync(2).InTime();
        pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        ValueTask<ReadResult> pending = pair.Input.ReadAsync();
        Assert.False(pending.IsCompleted);
        await pair.Peer.SendAsync("c"u8.ToArray());
        read = await pending.InTime();
        Assert.Equal("abc"u8.ToArray(), read.Buffer.ToArray());
        pair.Input.AdvanceTo(read.Buffer.End);
    }

    [Fact]
    public async Task What_was_not_examined_comes_again_at_once()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        await pair.Peer.SendAsync("abcdef"u8.ToArray());
        ReadOnlySequence<byte> buffer = await pair.Input.ReadUntilAsync(6).InTime();
        foreach ((int consume, int examine, string left) in new[] { (0, 0, "abcdef"), (0, 5, "abcdef"), (1, 1, "bcdef"), (1, 4, "cdef"), (3, 3, "f") })
        {
            pair.Input.AdvanceTo(buffer.GetPosition(consume), buffer.GetPosition(examine));
            // A transport that cuts may show it in pieces.
            buffer = await pair.Input.ReadUntilAsync(left.Length).InTime($"what was not examined: {left}");
            Assert.Equal(left.ToCharArray(), buffer.ToArray().Select(b => (char)b));
        }

        pair.Input.AdvanceTo(buffer.End);
        Assert.False(pair.Input.TryRead(out _));
    }

    [Fact]
    public async Task Lines_that_cross_reads_of_every_size_are_whole()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        const int Lines = 2000;
        byte[] all = [.. Enumerable.Range(0, Lines).SelectMany(i => System.Text.Encoding.ASCII.GetBytes($"{i}:{new string('x', i % 97)}\n"))];
        Task sending = Task.Run(async () =>
        {
            for (int at = 0, size = 1; at < all.Length; at += size, size = (size % 331) + 1)
            {
                await pair.Peer.SendAsync(all.AsMemory(at, Math.Min(size, all.Length - at)));
            }
        });
        int seen = 0;
        while (seen < Lines)
        {
            ReadResult read = await pair.Input.ReadAsync().InTime($"line {seen}");
            ReadOnlySequence<byte> rest = read.Buffer;
            while (rest.PositionOf((byte)'\n') is { } end)
            {
                string line = System.Text.Encoding.ASCII.GetString(rest.Slice(0, end).ToArray());
                Assert.Equal($"{seen}:{new string('x', seen % 97)}", line);
                rest = rest.Slice(rest.GetPosition(1, end));
                seen++;
            }

            pair.Input.AdvanceTo(rest.Start, rest.End);
        }

        await sending.InTime();
    }

    [Fact]
    public async Task Much_can_be_examined_before_anything_is_consumed_and_then_consumed_in_odd_pieces()
    {
        const int Size = 700_000;
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        Task sending = pair.Peer.SendAsync(1, Size, 10_007);
        ReadResult read;
        do
        {
            read = await pair.Input.ReadAsync().InTime();
            pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
        while (read.Buffer.Length < Size);

        await sending.InTime();
        await pair.Peer.SendAsync("!"u8.ToArray());
        byte[] expected = Payload.Of(1, Size);
        int at = 0;
        for (int piece = 1; at < Size; piece = (piece * 3 % 9973) + 1)
        {
            read = await pair.Input.ReadAtLeastAsync(1).InTime($"byte {at}");
            int count = (int)Math.Min(Math.Min(piece, Size - at), read.Buffer.Length);
            Assert.True(read.Buffer.Slice(0, count).ToArray().AsSpan().SequenceEqual(expected.AsSpan(at, count)), $"at {at}");
            at += count;
            pair.Input.AdvanceTo(read.Buffer.GetPosition(count));
        }

        Assert.Equal("!"u8.ToArray(), await pair.Input.ReadExactlyAsync(1).InTime());
    }

    [Fact]
    public async Task Partial_consumption_across_growing_and_shrinking_reads_keeps_every_byte()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        int seed = Random.Shared.Next();
        var random = new Random(seed);
        const int Size = 1_000_000;
        byte[] expected = Payload.Of(1, Size);
        Task sending = pair.Peer.SendAsync(1, Size, 30_011);
        long at = 0;
        while (at < Size)
        {
            ReadResult read = await pair.Input.ReadAsync().InTime($"byte {at}, seed {seed}");
            Assert.True(read.Buffer.ToArray().AsSpan().SequenceEqual(expected.AsSpan((int)at, (int)read.Buffer.Length)), $"at {at}, seed {seed}");
            long consume = random.Next(4) == 0 ? 0 : random.NextInt64(read.Buffer.Length + 1);
            long examine = at + read.Buffer.Length == Size ? consume : random.NextInt64(consume, read.Buffer.Length + 1);
            pair.Input.AdvanceTo(read.Buffer.GetPosition(consume), read.Buffer.GetPosition(examine));
            at += consume;
        }

        await sending.InTime();
    }

    [Fact]
    public async Task ReadAtLeast_waits_for_that_many_bytes_or_the_end()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        Task<ReadResult> reading = pair.Input.ReadAtLeastAsync(10).AsTask();
        for (byte i = 0; i < 10; i++)
        {
            Assert.False(reading.IsCompleted);
            await pair.Peer.SendAsync(new[] { i });
        }

        ReadResult read = await reading.InTime();
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], read.Buffer.ToArray());
        pair.Input.AdvanceTo(read.Buffer.End);
        await pair.Peer.SendAsync("abc"u8.ToArray());
        reading = pair.Input.ReadAtLeastAsync(200_000).AsTask();
        Assert.False(reading.IsCompleted);
        pair.Peer.HalfClose();
        read = await reading.InTime();
        Assert.True(read.IsCompleted);
        Assert.Equal("abc"u8.ToArray(), read.Buffer.ToArray());
    }

    [Fact]
    public async Task ReadAtLeast_of_more_than_any_first_buffer_comes_whole()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        foreach (int size in new[] { 5000, 70_000, 300_000 })
        {
            Task sending = pair.Peer.SendAsync((ulong)size, size);
            Assert.Equal(Payload.Of((ulong)size, size), await pair.Input.ReadExactlyAsync(size).InTime());
            await sending.InTime();
        }
    }

    [Fact]
    public async Task TryRead_has_nothing_then_something_then_nothing()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        Assert.False(pair.Input.TryRead(out _));
        await pair.Peer.SendAsync("a"u8.ToArray());
        ReadResult read = default;
        await Bounded.UntilTrue(() => pair.Input.TryRead(out read), "TryRead finds the byte");
        Assert.Equal("a"u8.ToArray(), read.Buffer.ToArray());
        pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        Assert.False(pair.Input.TryRead(out _));
        await pair.Peer.SendAsync("b"u8.ToArray());
        Assert.Equal("ab"u8.ToArray(), await pair.Input.ReadExactlyAsync(2).InTime());
        Assert.False(pair.Input.TryRead(out _));
        ValueTask<ReadResult> pending = pair.Input.ReadAsync();
        Assert.False(pending.IsCompleted);
        await pair.Peer.SendAsync("c"u8.ToArray());
        read = await pending.InTime();
        Assert.Equal("c"u8.ToArray(), read.Buffer.ToArray());
        pair.Input.AdvanceTo(read.Buffer.End);
    }

    [Fact]
    public async Task TryRead_alone_reads_a_stream_to_its_end()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        Task sending = Task.Run(async () =>
        {
            await pair.Peer.SendAsync(1, 200_000, 7000);
            pair.Peer.HalfClose();
        });
        var pattern = new Clients.BytePattern(1);
        long at = 0;
        bool isCompleted = false;
        await Bounded.UntilTrue(() =>
        {
            if (pair.Input.TryRead(out ReadResult read))
            {
                foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                {
                    pattern.Check(segment.Span, at);
                    at += segment.Length;
                }

                pair.Input.AdvanceTo(read.Buffer.End);
                isCompleted = read.IsCompleted;
            }

            return isCompleted;
        });
        Assert.Equal(200_000, at);
        await sending.InTime();
    }
}
