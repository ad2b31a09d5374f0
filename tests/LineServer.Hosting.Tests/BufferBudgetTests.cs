using System.Net.Sockets;
using LineServer.Hosting.Tests.Support;

namespace LineServer.Hosting.Tests;

/// <summary>
/// The budget over all connections: those that hold most are closed; the others are served.
/// </summary>
public class BufferBudgetTests
{
    private static readonly string Line = new string('x', 60_000) + "\n";

    [Fact]
    public async Task Clients_that_never_read_are_closed_beyond_the_budget_and_one_that_reads_is_served_throughout()
    {
        await using var server = new TestServer(maxTotalBufferSize: 1 << 20);
        ConnectionEndpoint endpoint = await server.ListenAsync(builder => builder.UseLines(_ => new RecordingEcho(server)));
        using Socket good = await endpoint.ConnectAndEchoAsync();
        var greedy = new List<Socket>();
        for (int i = 0; i < 60; i++)
        {
            Socket client = await endpoint.ConnectAsync();
            client.ReceiveBufferSize = 4096;
            greedy.Add(client);
            await SendUntilFullAsync(client);
            await good.SendTextAsync("good\n");
            Assert.Equal("good\n", await good.ReceiveTextAsync(5));
        }

        Assert.Contains(CloseReason.BufferLimit, server.CloseReasons);
        Assert.DoesNotContain(server.CloseReasons, reason => reason is not (CloseReason.BufferLimit or CloseReason.PeerReset));
        Until.True(() => server.Server.TotalBufferSize <= 1 << 20);
        greedy.ForEach(static client => client.Dispose());
        Until.True(() => server.Server.ConnectionCount == 1 && server.Server.TotalBufferSize == 0);
    }

    [Fact]
    public async Task Unfinished_lines_count_and_what_ends_gives_its_bytes_back()
    {
        await using var server = new TestServer(maxTotalBufferSize: 1 << 20);
        ConnectionEndpoint endpoint = await server.ListenAsync(builder => builder.UseLines((in line, reply) => reply.WriteLine(line)));
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync(new string('x', 50_000));
        Until.True(() => server.Server.TotalBufferSize == 50_000);
        await client.SendTextAsync("\n");
        Assert.Equal(50_001, (await client.ReceiveTextAsync(50_001)).Length);
        Until.True(() => server.Server.TotalBufferSize == 0);
    }

    [Fact]
    public async Task A_short_line_that_a_handler_keeps_counts_as_the_whole_buffer_that_it_is_in()
    {
        await using var server = new TestServer();
        var released = new TaskCompletionSource();
        ConnectionEndpoint endpoint = await server.ListenAsync(builder => builder.UseLines(_ => new Waiting(released.Task)));
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("short\n");
        // Kestrel's blocks have 4 KiB.
        Until.True(() => server.Server.TotalBufferSize == 4096);
        released.SetResult();
        Assert.Equal("done\n", await client.ReceiveTextAsync(5));
        Until.True(() => server.Server.TotalBufferSize == 0);
    }

    [Fact]
    public async Task Connections_far_beyond_the_budget_whose_handlers_do_not_end_wait_without_using_the_processor()
    {
        await using var server = new TestServer(maxTotalBufferSize: 64 * 1024);
        var released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ConnectionEndpoint endpoint = await server.ListenAsync(builder => builder.UseLines(_ => new Deaf(released.Task)));
        ConnectionEndpoint echo = await server.ListenAsync(builder => builder.UseLines((in line, reply) => reply.WriteLine(line)));
        using Socket good = await echo.ConnectAndEchoAsync();
        var greedy = new List<Socket>();
        // 4 KiB each: the budget holds 16, and the last refuse themselves.
        for (int i = 0; i < 64; i++)
        {
            greedy.Add(await endpoint.ConnectAsync());
            await greedy[^1].SendTextAsync("keep\n");
        }

        // A connection that spins occupies a thread of the pool, which this needs.
        Until.True(() => server.Server.TotalBufferSize >= 64 * 4096);
        await good.SendTextAsync("good\n");
        Assert.Equal("good\n", await good.ReceiveTextAsync(5));
        released.SetResult();
        greedy.ForEach(static client => client.Dispose());
        Until.True(() => server.Server.TotalBufferSize == 0);
    }

    private sealed class Deaf(Task released) : LineHandler
    {
        public override async ValueTask OnLineAsync(Framing.LineMemory line, LineOutput reply, CancellationToken cancellationToken) => await released;
    }

    private sealed class Waiting(Task released) : LineHandler
    {
        public override async ValueTask OnLineAsync(Framing.LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            await released.WaitAsync(cancellationToken);
            reply.WriteLine("done");
        }
    }

    // Until the server reads no more, or has closed.
    private static async Task SendUntilFullAsync(Socket client)
    {
        byte[] lines = System.Text.Encoding.ASCII.GetBytes(Line);
        client.Blocking = false;
        int full = 0;
        while (full < 3)
        {
            try
            {
                client.Send(lines);
                full = 0;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
            {
                full++;
                await Task.Yield();
            }
            catch (SocketException)
            {
                return;
            }
        }
    }

    private sealed class RecordingEcho(TestServer server) : LineHandler
    {
        public override bool NeverBlocks => true;

        public override ValueTask OnLineAsync(Framing.LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            reply.WriteLine(line.Span);
            return default;
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            server.CloseReasons.Add(reason);
            return default;
        }
    }
}
