using System.IO.Pipelines;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Themes;

/// <summary>One direction ends, the other goes on.</summary>
public abstract class HalfCloseTests(Transport transport)
{
    // Around the sizes at which buffers are cut.
    private static readonly int[] Edges = [4096, 16384, 65536, 262144];

    [Fact]
    public async Task Replies_still_arrive_after_the_client_half_closed()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        await pair.Peer.SendAsync(1, 100_000).InTime();
        pair.Peer.HalfClose();
        Assert.Equal(Payload.Of(1, 100_000), await pair.Input.ReadToEndAsync().InTime());
        Task<long> writing = Payload.WriteAsync(pair.Output, 2, 300_000, 5000);
        Assert.Equal(300_000, await pair.Peer.CheckAsync(2, 300_000).InTime());
        Assert.Equal(300_000, await writing.InTime());
        await pair.Output.CompleteAsync();
        await pair.Input.CompleteAsync();
        Task disposing = pair.Server.DisposeAsync().AsTask();
        Assert.Empty(await pair.Peer.ReceiveToEndAsync().InTime());
        await disposing.InTime();
    }

    [Fact]
    public async Task The_end_of_a_stream_stays_the_end()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        pair.Peer.HalfClose();
        Assert.Empty(await pair.Input.ReadToEndAsync().InTime());
        for (int i = 0; i < 3; i++)
        {
            ReadResult read = await pair.Input.ReadAsync().InTime();
            Assert.True(read is { IsCompleted: true, IsCanceled: false, Buffer.IsEmpty: true });
            pair.Input.AdvanceTo(read.Buffer.End);
            Assert.True(pair.Input.TryRead(out read));
            Assert.True(read.IsCompleted);
            pair.Input.AdvanceTo(read.Buffer.End);
        }
    }

    [Fact]
    public async Task What_was_not_consumed_is_still_there_after_the_end()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        await pair.Peer.SendAsync("abc"u8.ToArray());
        pair.Peer.HalfClose();
        ReadResult read;
        do
        {
            read = await pair.Input.ReadAsync().InTime();
            pair.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
        while (!read.IsCompleted);
        for (int left = 3; left > 0; left--)
        {
            read = await pair.Input.ReadAsync().InTime();
            Assert.True(read.IsCompleted || transport is CutTransport);
            Assert.Equal((byte)('a' + 3 - left), read.Buffer.FirstSpan[0]);
            pair.Input.AdvanceTo(read.Buffer.GetPosition(1));
        }
    }

    [Fact]
    public async Task Data_that_arrives_together_with_the_end_is_not_lost_at_any_small_size()
    {
        await using Listening listening = await transport.ListenAsync();
        for (int size = 0; size <= 64; size++)
        {
            await CheckDataWithEndAsync(listening, size, beforeAccept: true);
            await CheckDataWithEndAsync(listening, size, beforeAccept: false);
        }
    }

    [Fact]
    public async Task Data_that_arrives_together_with_the_end_is_not_lost_where_buffers_end()
    {
        await using Listening listening = await transport.ListenAsync();
        foreach (int size in Edges.SelectMany(edge => new[] { edge - 1, edge, edge + 1 }))
        {
            await CheckDataWithEndAsync(listening, size, beforeAccept: true);
            await CheckDataWithEndAsync(listening, size, beforeAccept: false);
        }
    }

    [Fact]
    public async Task An_end_while_the_server_waits_is_seen_also_when_data_came_just_before()
    {
        await using Listening listening = await transport.ListenAsync();
        foreach (int size in new[] { 0, 1, 10, 4096, 16384, 65536 })
        {
            await using Pair pair = await listening.PairAsync();
            Task<byte[]> reading = pair.Input.ReadToEndAsync(); // waits first: the wake-up finds data and end at once
            if (size > 0)
            {
                await pair.Peer.SendAsync(Payload.Of(1, size)).InTime();
            }

            pair.Peer.HalfClose();
            Assert.Equal(size, (await reading.InTime($"the end after {size} bytes")).Length);
        }
    }

    [Fact]
    public async Task Completing_the_output_ends_the_clients_stream_and_reading_goes_on_where_the_transport_can()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        await pair.Output.WriteAsync("the last reply"u8.ToArray()).InTime();
        await pair.Output.CompleteAsync();
        Assert.Equal("the last reply"u8.ToArray(), await pair.Peer.ReceiveToEndAsync().InTime());
        if (!transport.ServerCanHalfClose)
        {
            // Kestrel's sockets close both ways: the server's own reading ends, in order or as aborted.
            Exception? error = await Record.ExceptionAsync(() => pair.Input.ReadToEndAsync().InTime("reading ends"));
            Assert.IsNotType<TimeoutException>(error);
            return;
        }

        await pair.Peer.SendAsync(3, 50_000).InTime();
        pair.Peer.HalfClose();
        Assert.Equal(Payload.Of(3, 50_000), await pair.Input.ReadToEndAsync().InTime());
    }

    [Fact]
    public async Task What_was_written_before_the_output_is_completed_is_sent_without_a_flush()
    {
        await using Listening listening = await transport.ListenAsync(new TransportSettings { MaxWriteBufferSize = 1024 * 1024 });
        await using Pair pair = await listening.PairAsync();
        byte[] bytes = Payload.Of(4, 20_000);
        for (int at = 0; at < bytes.Length; at += 1000)
        {
            bytes.AsSpan(at, 1000).CopyTo(pair.Output.GetSpan(1000));
            pair.Output.Advance(1000);
        }

        Task<byte[]> receiving = pair.Peer.ReceiveToEndAsync();
        await pair.Output.CompleteAsync();
        Assert.Equal(bytes, await receiving.InTime());
    }

    [Fact]
    public async Task Disposing_sends_what_was_flushed_then_ends_the_stream()
    {
        await using Listening listening = await transport.ListenAsync(new TransportSettings { MaxWriteBufferSize = 8 * 1024 * 1024 });
        await using Pair pair = await listening.PairAsync();
        const int Size = 2_000_000; // more than the kernel takes at once
        Task<long> writing = Payload.WriteAsync(pair.Output, 5, Size, 10_000);
        Assert.Equal(Size, await writing.InTime("writing within the limit"));
        Task disposing = pair.Server.DisposeAsync().AsTask();
        Assert.Equal(Size, await pair.Peer.CheckAsync(5, Size + 1).InTime());
        await disposing.InTime();
    }

    private static async Task CheckDataWithEndAsync(Listening listening, int size, bool beforeAccept)
    {
        Peer peer = await listening.ConnectAsync();
        byte[] bytes = Payload.Of((ulong)size, size);
        Task sending = Task.CompletedTask;
        if (beforeAccept)
        {
            sending = SendAsync();
        }

        await using var pair = new Pair(await listening.AcceptAsync(), peer);
        if (!beforeAccept)
        {
            sending = SendAsync();
        }

        Assert.Equal(bytes, await pair.Input.ReadToEndAsync().InTime($"the end after {size} bytes"));
        await sending.InTime();

        async Task SendAsync()
        {
            await peer.SendAsync(bytes);
            peer.HalfClose();
        }
    }
}
