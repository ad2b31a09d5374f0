using System.IO.Pipelines;
using LineServer.Transports.Clients;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Themes;

/// <summary>RST from the peer, in every state of the server.</summary>
public abstract class ResetTests(Transport transport)
{
    [Fact]
    public async Task A_reset_while_the_server_reads_ends_the_read()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        Task<byte[]> reading = pair.Input.ReadToEndAsync();
        pair.Peer.Reset();
        await EndsByResetAsync(() => reading.InTime("the read that was reset"));
    }

    [Fact]
    public async Task A_reset_while_the_server_is_idle_is_found_by_the_next_read()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        pair.Peer.Reset();
        await EndsByResetAsync(() => pair.Input.ReadToEndAsync().InTime("the read after the reset"));
        await EndsByResetAsync(() => pair.Input.ReadToEndAsync().InTime("one more"));
    }

    [Fact]
    public async Task A_reset_while_a_flush_waits_ends_the_flush()
    {
        await using Listening listening = await transport.ListenAsync(new TransportSettings { KernelBuffer = 8192, MaxWriteBufferSize = 16384 });
        await using Pair pair = await listening.PairAsync(socket => socket.ReceiveBufferSize = 8192);
        const long Much = 50_000_000;
        long flushed = 0;
        Task<long> writing = Payload.WriteAsync(pair.Output, 1, Much, 4096, so => Volatile.Write(ref flushed, so));
        await Bounded.UntilTrue(() => Volatile.Read(ref flushed) > 16384 || transport is InMemoryTransport);
        pair.Peer.Reset();
        Assert.True(await writing.InTime("the flush that was reset") < Much);
        // And it stays so.
        Assert.True((await pair.Output.WriteAsync("x"u8.ToArray()).InTime()).IsCompleted);
    }

    [Fact]
    public async Task Flushes_after_a_reset_say_that_nobody_reads_any_more()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        pair.Peer.Reset();
        // The kernel may take the first one, before it knows.
        Assert.True(await Payload.WriteAsync(pair.Output, 1, 50_000_000, 1000).InTime() < 50_000_000);
    }

    [Fact]
    public async Task Data_before_a_reset_is_delivered_first_where_the_transport_can()
    {
        await using Listening listening = await transport.ListenAsync();
        for (int round = 0; round < 20; round++)
        {
            int size = 1 + (round * 3001);
            await using Pair pair = await listening.PairAsync();
            await pair.Peer.SendAsync(1, size).InTime();
            // The server has the data, or its kernel has: nothing is under way when the reset comes.
            if (pair.Server.Features.Get<Microsoft.AspNetCore.Connections.Features.IConnectionSocketFeature>() is { } feature && transport.DeliversBeforeReset)
            {
                await Bounded.UntilTrue(() => feature.Socket.Available == size);
            }

            pair.Peer.Reset();
            long received = 0;
            await EndsByResetAsync(() => ReadUntilItEndsAsync(pair.Input, count => received = count).InTime());
            Assert.True(transport.DeliversBeforeReset ? received == size : received <= size, $"{received} of {size} bytes");
        }
    }

    [Fact]
    public async Task A_server_that_is_reset_with_unsent_bytes_can_be_disposed()
    {
        await using Listening listening = await transport.ListenAsync(new TransportSettings { KernelBuffer = 8192, MaxWriteBufferSize = 8 * 1024 * 1024 });
        await using Pair pair = await listening.PairAsync(socket => socket.ReceiveBufferSize = 8192);
        await Payload.WriteAsync(pair.Output, 1, 4_000_000, 50_000).InTime("writing within the limit");
        Task disposing = pair.Server.DisposeAsync().AsTask();
        pair.Peer.Reset();
        await disposing.InTime();
    }

    private async Task EndsByResetAsync(Func<Task> reading)
    {
        Exception? error = await Record.ExceptionAsync(reading);
        if (transport.HasReset || error is not null)
        {
            Assert.IsType<ConnectionResetException>(error);
        }
    }

    private static async Task ReadUntilItEndsAsync(PipeReader input, Action<long> received)
    {
        var pattern = new BytePattern(1);
        long count = 0;
        while (true)
        {
            ReadResult read = await input.ReadAsync();
            foreach (ReadOnlyMemory<byte> segment in read.Buffer)
            {
                pattern.Check(segment.Span, count);
                count += segment.Length;
            }

            input.AdvanceTo(read.Buffer.End);
            received(count);
            if (read.IsCompleted)
            {
                return;
            }
        }
    }
}
