using System.IO.Pipelines;
using System.Net.Sockets;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>What is allocated, exactly.</summary>
[Collection(nameof(Alone))]
public class AllocationTests
{
    // An accepted connection, until its first byte: the connection, its reader, its writer. More is a regression.
    private const int MostForAConnection = 1024;

    [Theory]
    [InlineData(32)]
    [InlineData(4096)]
    [InlineData(60_000)]
    public async Task Nothing_is_allocated_for_a_read_and_a_flush_on_the_loop(int size)
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: true);
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        // On the loop's thread alone: what the client or the runtime allocates elsewhere does not count.
        long[] seen = new long[64];
        int reads = 0;
        Task handling = Task.Run(async () =>
        {
            PipeReader input = pair.Input;
            PipeWriter output = pair.Output;
            while (true)
            {
                ReadResult read = await input.ReadAsync();
                foreach (ReadOnlyMemory<byte> segment in read.Buffer)
                {
                    segment.Span.CopyTo(output.GetSpan(segment.Length));
                    output.Advance(segment.Length);
                }

                input.AdvanceTo(read.Buffer.End);
                await output.FlushAsync();
                seen[reads++ % seen.Length] = GC.GetAllocatedBytesForCurrentThread();
                if (read.IsCompleted)
                {
                    return;
                }
            }
        });
        Socket client = ((SocketPeer)pair.Peer).Socket;
        byte[] ping = Payload.Of(1, size);
        byte[] pong = new byte[size];
        const int Rounds = 2000;
        for (int i = 0; i < Rounds; i++)
        {
            client.Send(ping);
            for (int received = 0; received < size;)
            {
                received += client.Receive(pong.AsSpan(received));
            }
        }

        await Bounded.UntilTrue(() => Volatile.Read(ref reads) >= Rounds);
        // A tier-up of the JIT or a grown pool may have allocated at first; the last reads did not.
        Assert.Equal(0, seen.Max() - seen.Where(bytes => bytes > 0).Min());
        pair.Peer.HalfClose();
        await handling.InTime();
    }

    [Fact]
    public async Task What_an_accepted_connection_costs_is_known()
    {
        const int Connections = 500;
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: true);
        await using Listening listening = await transport.ListenAsync();
        var connections = new List<ConnectionContext>(2 * Connections);
        var sockets = new List<Socket>();
        long bytes = 0;
        int counted = 0;
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < Connections; i++)
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                socket.Connect(listening.EndPoint);
                sockets.Add(socket);
                long before = GC.GetAllocatedBytesForCurrentThread();
                ValueTask<ConnectionContext?> accepting = listening.Listener.AcceptAsync();
                // The kernel may hand over a connection slightly after connect returns; then accept waits.
                if (round > 0 && accepting.IsCompletedSuccessfully)
                {
                    bytes += GC.GetAllocatedBytesForCurrentThread() - before;
                    counted++;
                }

                connections.Add((await accepting)!);
            }
        }

        Assert.InRange(counted, Connections / 2, Connections);
        TestContext.Current.TestOutputHelper?.WriteLine($"{bytes / counted} bytes for an accepted connection");
        Assert.True(bytes / counted <= MostForAConnection, $"{bytes / counted} bytes for an accepted connection");
        sockets.ForEach(socket => socket.Dispose());
        await Task.WhenAll(connections.Select(connection => connection.DisposeAsync().AsTask())).InTime();
    }
}
