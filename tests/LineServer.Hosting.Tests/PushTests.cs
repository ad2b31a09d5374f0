using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;

namespace LineServer.Hosting.Tests;

/// <summary>Lines pushed to a connection from any thread: in order, none lost, none twice, bounded.</summary>
public class PushTests
{
    private readonly TaskCompletionSource _go = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LineConnection _connection = null!;

    [Fact]
    public async Task Pushes_from_many_threads_and_replies_arrive_once_and_in_order()
    {
        await using LineTestConnection client = Start().Connect();
        const int Each = 2000;
        Task[] pushers = [.. Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < Each; i++)
            {
                byte[] line = System.Text.Encoding.UTF8.GetBytes($"{thread} {i}");
                Until.True(() => _connection.TryPush(line));
            }
        }))];
        Task sender = Task.Run(async () =>
        {
            for (int i = 0; i < Each; i++)
            {
                await client.SendAsync(i % 10 == 0 ? $"yield {i}\n" : $"4 {i}\n");
            }
        });
        int[] next = new int[5];
        for (int i = 0; i < 5 * Each; i++)
        {
            string[] words = (await client.ReadLineAsync().InTime())!.Replace("yield", "4", StringComparison.Ordinal).Split(' ');
            Assert.Equal(next[int.Parse(words[0])]++, int.Parse(words[1]));
        }

        await Task.WhenAll([.. pushers, sender]).InTime();
    }

    [Fact]
    public async Task A_push_reaches_a_client_whose_handler_waits()
    {
        await using LineTestConnection client = Start().Connect();
        await client.SendAsync("wait\n");
        for (int i = 0; i < 10; i++)
        {
            Assert.True(_connection.TryPush("push"u8));
            Assert.Equal("push", await client.ReadLineAsync().InTime());
        }

        _go.SetResult();
        Assert.Equal("wait", await client.ReadLineAsync().InTime());
    }

    [Fact]
    public async Task A_full_mailbox_refuses_and_the_connection_goes_on()
    {
        await using LineTestConnection client = Start(options => options.Limits.MailboxSize = 10).Connect(maxWriteBufferSize: 1);
        Assert.True(_connection.TryPush("first"u8)); // sent; its flush waits for the client
        Assert.True(_connection.TryPush("1234"u8));
        Assert.True(_connection.TryPush("5678"u8)); // 10 bytes with the LFs
        Assert.False(_connection.TryPush(""u8));
        Assert.Equal("first", await client.ReadLineAsync().InTime());
        Assert.Equal("1234", await client.ReadLineAsync().InTime());
        Assert.Equal("5678", await client.ReadLineAsync().InTime());
        Assert.False(_connection.TryPush("0123456789"u8)); // one byte more than the capacity
        Assert.True(_connection.TryPush("012345678"u8));
        Assert.Equal("012345678", await client.ReadLineAsync().InTime());
    }

    [Fact]
    public async Task A_full_mailbox_closes_where_that_is_set_and_what_was_accepted_arrives()
    {
        Server server = Start(options =>
        {
            options.Limits.MailboxSize = 10;
            options.MailboxFullBehavior = MailboxFullBehavior.Close;
        });
        await using LineTestConnection client = server.Connect(maxWriteBufferSize: 1);
        Assert.True(_connection.TryPush("first"u8));
        Assert.True(_connection.TryPush("accepted"u8));
        Assert.False(_connection.TryPush("too much"u8));
        Assert.Equal("first\naccepted\n", await client.ReadLinesAsync().InTime());
        Assert.Equal(CloseReason.MailboxFull, _connection.CloseReason);
        Assert.False(_connection.TryPush(""u8));
    }

    [Fact]
    public async Task A_push_that_holds_a_delimiter_is_refused()
    {
        await using LineTestConnection client = Start().Connect();
        Assert.Throws<ArgumentException>(() => _connection.TryPush("a\nb"u8));
    }

    [Fact]
    public async Task What_was_accepted_before_the_close_arrives_and_nothing_is_accepted_after_it()
    {
        for (int round = 0; round < 200; round++)
        {
            LineTestConnection client = Start().Connect();
            using var start = new Barrier(2);
            int accepted = 0;
            Task pushing = Task.Run(() =>
            {
                start.SignalAndWait();
                while (_connection.TryPush("p"u8))
                {
                    accepted++;
                    if (accepted > 20_000)
                    {
                        break;
                    }
                }
            });
            Task<string> reading = client.ReadLinesAsync();
            start.SignalAndWait();
            _connection.Close();
            string read = await reading.InTime();
            await client.DisposeAsync();
            await pushing.InTime();
            // A full mailbox also returns false; in that case no further line was accepted.
            Assert.Equal(accepted * 2, read.Length);
            Assert.False(_connection.TryPush("late"u8));
        }
    }

    [Fact]
    public async Task A_push_is_no_batch_for_a_handler_that_takes_none()
    {
        int calls = 0;
        Counting? handler = null;
        await using LineTestConnection client = Server.With(() => handler = new Counting(() => calls++)).Connect();
        Assert.True(handler!.Connection.TryPush("one"u8));
        Assert.Equal("one", await client.ReadLineAsync().InTime());
        Assert.Equal(0, calls);
        await client.SendAsync("hal");
        int before = calls;
        Assert.True(handler.Connection.TryPush("two"u8));
        Assert.Equal("two", await client.ReadLineAsync().InTime());
        Assert.Equal(before, calls);
        await client.SendAsync("f\n");
        Assert.Equal("half", await client.ReadLineAsync().InTime());
        Assert.Equal(CloseReason.None, handler.Connection.CloseReason);
    }

    private Server Start(Action<LineOptions>? options = null) => Server.With(() => new Handler(this), options);

    private sealed class Handler(PushTests test) : LineHandler
    {
        public override ValueTask OnConnectedAsync(LineOutput output, CancellationToken cancellationToken)
        {
            test._connection = Connection;
            return default;
        }

        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            if (line.Span.StartsWith("wait"u8))
            {
                await test._go.Task;
            }
            else if (line.Span.StartsWith("yield"u8))
            {
                await Task.Yield();
            }

            reply.WriteLine(line.Span);
        }
    }

    private sealed class Counting(Action called) : LineBatchHandler
    {
        public override ValueTask OnBatch(LineBatch batch)
        {
            called();
            if (batch.TryRead(out Line line))
            {
                batch.Output.WriteLine(line);
                _ = batch.TryRead(out _);
            }

            return default;
        }
    }
}
