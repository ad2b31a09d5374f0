using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using LineServer.Connections;
using LineServer.Framing;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests;

/// <summary>A handler that blocks its event loop is found, named and moved to the thread pool; the others are served meanwhile.</summary>
[Collection(nameof(Alone))]
public sealed class BlockingHandlerTests : IDisposable
{
    private static readonly TimeSpan Threshold = TimeSpan.FromMilliseconds(20);

    private readonly ListLogger _log = new();

    public void Dispose() => _log.Dispose();

    [Theory]
    [InlineData("block")]
    [InlineData("yield, then block")]
    public async Task While_a_handler_blocks_other_connections_of_its_loop_are_served(string how)
    {
        await using var server = new LoopServer(Threshold, _log);
        using var gate = new SemaphoreSlim(0);
        using var blocks = new SemaphoreSlim(0);
        ConnectionEndpoint endpoint = await server.ListenAsync(
            () => new Blocking(gate, blocks: blocks), configure: builder => builder.Name = "the-blocking-one");
        using Socket other = await endpoint.ConnectAsync();
        await AssertEchoesAsync(other, "before");
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync($"{how}\nnext\nwhere\n");
        await blocks.WaitAsync().InTime();
        await AssertEchoesAsync(other, "meanwhile");
        await AssertEchoesAsync(other, "and again");
        gate.Release();
        Assert.Equal($"{how}\nnext\npool\n", await client.ReceiveTextAsync(how.Length + 11));
        await other.SendTextAsync("where\n");
        Assert.Equal("pool\n", await other.ReceiveTextAsync(5));
        const string Told = "another thread runs the loop, and the handler runs on the thread pool from now on";
        Until.True(() => _log.At(LogLevel.Warning).Any(message => message.EndsWith(Told, StringComparison.Ordinal)));
        string warning = _log.At(LogLevel.Warning).First(message => message.EndsWith(Told, StringComparison.Ordinal));
        Assert.Contains($":{((IPEndPoint)client.LocalEndPoint!).Port} on {endpoint.EndPoint} (handler the-blocking-one)", warning, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wait_for_a_task_that_needs_the_loop_is_no_deadlock()
    {
        await using var server = new LoopServer(Threshold, _log);
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Waiting());
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("a\nb\n");
        Assert.Equal("a\nb\n", await client.ReceiveTextAsync(4));
        Assert.Single(_log.At(LogLevel.Warning), message => message.Contains("runs on the thread pool from now on", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_rest_of_a_group_is_served_when_its_first_blocks()
    {
        const int Group = 8;
        await using var server = new LoopServer(Threshold, _log);
        using var gate = new SemaphoreSlim(0);
        var connections = new ConcurrentQueue<LineConnection>();
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Blocking(gate, connections.Enqueue));
        Socket[] clients = [.. await Task.WhenAll(Enumerable.Range(0, 2 * Group).Select(_ => endpoint.ConnectAsync()))];
        foreach (Socket client in clients)
        {
            await AssertEchoesAsync(client, "in");
        }

        // All lines arrive while the loop is held, and are ready together.
        using var held = new SemaphoreSlim(0);
        Assert.True(connections.TryPeek(out LineConnection? any));
        any.Features.Get<IEventLoopFeature>()!.Post(new Hold(held));
        await clients[0].SendTextAsync("block\n");
        for (int i = 1; i < clients.Length; i++)
        {
            await clients[i].SendTextAsync($"line {i}\n");
        }

        held.Release();
        for (int i = 1; i < clients.Length; i++)
        {
            string expected = $"line {i}\n";
            Assert.Equal(expected, await clients[i].ReceiveTextAsync(expected.Length));
        }

        gate.Release();
        Assert.Equal("block\n", await clients[0].ReceiveTextAsync(6));
        Array.ForEach(clients, client => client.Dispose());
    }

    [Fact]
    public async Task A_handler_on_the_thread_pool_is_never_on_the_loop()
    {
        await using var server = new LoopServer(Threshold, _log);
        using var gate = new SemaphoreSlim(0);
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Blocking(gate), HandlerScheduling.ThreadPool);
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("where\nyield, then where\n");
        Assert.Equal("pool\npool\n", await client.ReceiveTextAsync(10));
    }

    [Fact]
    public async Task A_handler_may_block_at_the_end_of_its_connection_too()
    {
        await using var server = new LoopServer(Threshold, _log);
        using var gate = new SemaphoreSlim(0);
        using var blocks = new SemaphoreSlim(0);
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new BlockingAtEnd(blocks, gate));
        using Socket other = await endpoint.ConnectAsync();
        await AssertEchoesAsync(other, "before");
        Socket client = await endpoint.ConnectAsync();
        await AssertEchoesAsync(client, "in");
        client.Dispose();
        await blocks.WaitAsync().InTime();
        await AssertEchoesAsync(other, "meanwhile");
        gate.Release(2);
    }

    /// <summary>Else it would use what only the loop's thread may use, while another thread takes over.</summary>
    [Fact]
    public async Task Code_of_a_handler_is_never_on_the_loop_as_the_transport_sees_it()
    {
        await using var server = new LoopServer(TimeSpan.FromMilliseconds(4), _log);
        for (int i = 0; i < 20; i++)
        {
            ConnectionEndpoint endpoint = await server.ListenAsync(() => new Watching());
            using Socket client = await endpoint.ConnectAsync();
            await client.SendTextAsync("until another thread runs the loop\n");
            Assert.Equal("never\n", await client.ReceiveTextAsync(6));
        }
    }

    [Fact]
    public async Task A_server_stops_while_a_handler_blocks()
    {
        var server = new LoopServer(Threshold, _log);
        using var gate = new SemaphoreSlim(0);
        ConnectionEndpoint endpoint = await server.ListenAsync(() => new Blocking(gate));
        using Socket other = await endpoint.ConnectAsync();
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("block\n");
        await AssertEchoesAsync(other, "meanwhile");
        Task stopped = server.DisposeAsync().AsTask();
        gate.Release();
        await stopped.InTime();
    }

    /// <summary>Many connections block, yield and echo at once, while their endpoint moves. Every byte is checked.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Whatever_blocks_when_all_replies_come_in_order(int seed)
    {
        const int Clients = 24;
        await using var server = new LoopServer(TimeSpan.FromMilliseconds(2), _log);
        for (int round = 0; round < 3; round++)
        {
            ConnectionEndpoint endpoint = await server.ListenAsync(() => new Sleeping());
            await Task.WhenAll(Enumerable.Range(0, Clients).Select(async i =>
            {
#pragma warning disable CA5394 // A seeded generator is what a test can repeat.
                var random = new Random((seed * 1000) + (round * 100) + i);
                using Socket client = await endpoint.ConnectAsync();
                for (int turn = 0; turn < 20; turn++)
                {
                    string lines = string.Concat(Enumerable.Range(0, random.Next(1, 20)).Select(_ => random.Next(30) switch
                    {
                        0 => "sleep\n",
                        < 10 => "yield\n",
                        < 12 => "delay\n",
                        < 14 => "yield and sleep\n",
                        < 16 => "off\n",
                        _ => "echo\n",
                    }));
                    await client.SendTextAsync(lines);
                    Assert.Equal(lines, await client.ReceiveTextAsync(lines.Length));
                }
#pragma warning restore CA5394
            })).InTime();
        }
    }

    private static async Task AssertEchoesAsync(Socket client, string line)
    {
        await client.SendTextAsync($"{line}\n");
        Assert.Equal($"{line}\n", await client.ReceiveTextAsync(line.Length + 1));
    }

    private sealed class Blocking(SemaphoreSlim gate, Action<LineConnection>? tell = null, SemaphoreSlim? blocks = null) : LineHandler
    {
        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            tell?.Invoke(Connection);
            return default;
        }

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            string text = Encoding.ASCII.GetString(line.Span);
            if (text.StartsWith("yield", StringComparison.Ordinal))
            {
                await Task.Yield();
            }

            if (text.EndsWith("block", StringComparison.Ordinal))
            {
                blocks?.Release();
                gate.Wait(CancellationToken.None);
            }

            reply.WriteLine(text.EndsWith("where", StringComparison.Ordinal) ? LoopServer.Here : text);
        }
    }

    private sealed class Waiting : LineHandler
    {
        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            byte[] copy = line.Span.ToArray();
#pragma warning disable VSTHRD002, MA0042 // The point of the test.
            reply.WriteLine(ReturnAsync(copy).Result);
#pragma warning restore VSTHRD002, MA0042
            return default;
        }

        private static async Task<byte[]> ReturnAsync(byte[] line)
        {
            await Task.Yield();
            return line;
        }
    }

    private sealed class Sleeping : LineHandler
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            string text = Encoding.ASCII.GetString(line.Span);
            if (text.StartsWith("yield", StringComparison.Ordinal))
            {
                await Task.Yield();
            }

            if (text.EndsWith("sleep", StringComparison.Ordinal))
            {
                Thread.Sleep(10);
            }

            if (text == "off")
            {
                await Task.Yield();
                await Task.Delay(1, cancellationToken).ConfigureAwait(false);
            }

            if (text == "delay")
            {
                await Task.Delay(1, cancellationToken);
            }

            reply.WriteLine(text);
        }
    }

    private sealed class BlockingAtEnd(SemaphoreSlim blocks, SemaphoreSlim gate) : LineHandler
    {
        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            reply.WriteLine(line.Span);
            return default;
        }

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            blocks.Release();
            gate.Wait();
            return default;
        }
    }

    private sealed class Watching : LineHandler
    {
        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            IEventLoopFeature eventLoop = Connection.Features.Get<IEventLoopFeature>()!;
            string name = Thread.CurrentThread.Name!;
            bool isCurrent = false;
            while (Thread.CurrentThread.Name == name)
            {
                for (int i = 0; i < 1000; i++)
                {
                    isCurrent |= eventLoop.IsCurrent;
                }
            }

            reply.WriteLine(isCurrent ? "sometimes" : "never");
            return default;
        }
    }

    private sealed class Hold(SemaphoreSlim held) : IThreadPoolWorkItem
    {
        public void Execute() => held.Wait();
    }
}
