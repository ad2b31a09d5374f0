using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LineServer.Client.Tests;

public sealed class CopyingTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task What_standard_input_holds_arrives_byte_for_byte_and_comes_back()
    {
        byte[] input = [.. Enumerable.Range(0, 300_000).Select(i => (byte)(i * 7919 >> 3)), .. "\r\n\0\n\n"u8];
        byte[]? arrived = null;
        await using TestServer server = TestServer.Start(async socket =>
        {
            arrived = await Serve.CollectAsync(socket);
            await socket.SendAsync(arrived);
        });

        ClientResult result = await ClientProcess.RunWithInputAsync(input, server.Address);

        result.AssertSucceeded();
        Assert.Equal(input, arrived);
        Assert.Equal(input, result.Output);
    }

    [Fact]
    public async Task Replies_that_come_after_the_half_close_are_still_read()
    {
        await using TestServer server = TestServer.Start(async socket =>
        {
            long total = await Serve.DiscardAsync(socket);
            await socket.SendAsync(Encoding.Latin1.GetBytes($"{total} bytes\n"));
        });

        ClientResult result = await ClientProcess.RunWithInputAsync("a\nb\n", server.Address);

        result.AssertSucceeded();
        Assert.Equal("4 bytes\n", result.Text);
    }

    [Fact]
    public async Task An_abstract_name_is_connected_to()
    {
        string name = Guid.NewGuid().ToString();
        await using TestServer server = TestServer.StartOnAbstract(name, Serve.EchoAsync);

        ClientResult result = await ClientProcess.RunWithInputAsync("x\n", $"unix:@{name}");

        result.AssertSucceeded();
        Assert.Equal("x\n", result.Text);
    }

    [Fact]
    public async Task An_empty_input_connects_and_half_closes()
    {
        await using TestServer server = TestServer.Start(async socket =>
        {
            Assert.Equal(0, await Serve.DiscardAsync(socket));
            await socket.SendAsync("bye\n"u8.ToArray());
        });

        ClientResult result = await ClientProcess.RunAsync(server.Address);

        result.AssertSucceeded();
        Assert.Equal("bye\n", result.Text);
    }

    [Fact]
    public async Task A_reply_without_an_end_is_copied_while_the_connection_stays()
    {
        var prompted = new TaskCompletionSource();
        await using TestServer server = TestServer.Start(async socket =>
        {
            await socket.SendAsync("name? "u8.ToArray());
            Assert.Equal("me\n", Encoding.Latin1.GetString(await Serve.CollectAsync(socket)));
            prompted.SetResult();
        });

        // The shell sends the answer only once it has read the prompt.
        ClientResult result = await ClientProcess.RunInShellAsync($"""
            mkfifo {_folder.PathOf("in")} {_folder.PathOf("out")}
            "$L" {server.Address} < {_folder.PathOf("in")} > {_folder.PathOf("out")} &
            exec 3> {_folder.PathOf("in")} 4< {_folder.PathOf("out")}
            head -c 6 <&4
            echo me >&3
            exec 3>&-
            wait $!
            """);

        result.AssertSucceeded();
        Assert.Equal("name? ", result.Text);
        await prompted.Task;
    }

    [Fact]
    public async Task Files_and_standard_input_are_sent_in_the_order_given()
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);
        string first = _folder.Write("first", "1\n");
        string last = _folder.Write("last", "3\n");

        ClientResult result = await ClientProcess.RunWithInputAsync(
            "2\n", server.Address, first, "-", _folder.Write("empty", ""), last);

        result.AssertSucceeded();
        Assert.Equal("1\n2\n3\n", result.Text);
    }

    [Fact]
    public async Task Standard_input_is_read_from_where_it_stands_and_left_there()
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);
        string file = _folder.Write("file", "skipped\nsent\n");

        ClientResult result = await ClientProcess.RunInShellAsync(
            $"{{ read line; \"$L\" {server.Address}; cat; }} < {file}");

        result.AssertSucceeded();
        Assert.Equal("sent\n", result.Text);
    }

    [Fact]
    public async Task A_fifo_is_read_to_the_end_of_its_writer()
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);
        string fifo = _folder.PathOf("fifo");

        ClientResult result = await ClientProcess.RunInShellAsync(
            $"mkfifo {fifo}; (echo one; echo two) > {fifo} & \"$L\" {server.Address} {fifo}");

        result.AssertSucceeded();
        Assert.Equal("one\ntwo\n", result.Text);
    }

    [Fact]
    public async Task A_file_whose_name_looks_like_an_option_follows_two_dashes()
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);
        _folder.Write("--quiet", "sent\n");

        ClientResult result = await ClientProcess.RunInShellAsync(
            $"cd {_folder.PathOf("")} && \"$L\" {server.Address} -- --quiet");

        result.AssertSucceeded();
        Assert.Equal("sent\n", result.Text);
    }

    [Fact]
    public async Task A_unix_socket_is_an_address()
    {
        await using TestServer server = TestServer.StartOn(_folder.PathOf("sock"), Serve.EchoAsync);

        ClientResult result = await ClientProcess.RunWithInputAsync("over a file\n", server.Address, "--check-echo");

        result.AssertSucceeded();
        Assert.Equal("over a file\n", result.Text);
    }

    [Theory]
    [InlineData("tcp://127.0.0.1:")]
    [InlineData("127.0.0.1:")]
    [InlineData("localhost:")]
    public async Task A_port_is_reached_by_number_and_by_name_with_and_without_scheme(string prefix)
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);

        ClientResult result = await ClientProcess.RunWithInputAsync("x\n", prefix + server.Address.Split(':')[^1]);

        result.AssertSucceeded();
        Assert.Equal("x\n", result.Text);
    }

    [Fact]
    public async Task An_ipv6_address_stands_in_brackets()
    {
        Assert.SkipUnless(Socket.OSSupportsIPv6, "no IPv6 here");
        await using TestServer server = TestServer.StartOn(new IPEndPoint(IPAddress.IPv6Loopback, 0), Serve.EchoAsync);
        Assert.StartsWith("tcp://[::1]:", server.Address, StringComparison.Ordinal);

        ClientResult result = await ClientProcess.RunWithInputAsync("x\n", server.Address);

        result.AssertSucceeded();
        Assert.Equal("x\n", result.Text);
    }

    [Fact]
    public async Task Quiet_copies_nothing_but_still_checks()
    {
        await using TestServer echo = TestServer.Start(Serve.EchoAsync);
        await using TestServer wrong = TestServer.Start(Serve.Lines(_ => "wrong\n"));

        ClientResult good = await ClientProcess.RunWithInputAsync("a\n", echo.Address, "--quiet", "--check-echo");
        ClientResult bad = await ClientProcess.RunWithInputAsync("a\n", wrong.Address, "--quiet", "--check-echo");

        good.AssertSucceeded();
        Assert.Empty(good.Output);
        bad.AssertFailed(1, "line 1");
        Assert.Empty(bad.Output);
    }

    [Fact]
    public async Task Replies_of_several_connections_are_never_written_into_each_other()
    {
        // The connections send their replies byte by byte in turn: the worst interleaving.
        const int Connections = 8;
        string[] replies = [.. Enumerable.Range(0, Connections).Select(i => new string((char)('a' + i), 20 + i))];
        int accepted = 0;
        using var turn = new Barrier(Connections);
        await using TestServer server = TestServer.Start(socket => Task.Factory.StartNew(
            () =>
            {
                socket.NoDelay = true;
                Assert.Equal(2, socket.Receive(new byte[2]));
                string reply = replies[Interlocked.Increment(ref accepted) - 1];
                foreach (byte value in Encoding.Latin1.GetBytes(reply.PadRight(40, '.') + "\n" + reply.PadRight(40, '.') + "\n"))
                {
                    turn.SignalAndWait();
                    socket.Send([value]);
                }

                socket.Send("tail"u8);
                Assert.Equal(0, socket.Receive(new byte[1]));
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default));
        string file = _folder.Write("file", "x\n");

        ClientResult result = await ClientProcess.RunAsync(server.Address, "--connections", $"{Connections}", file);

        result.AssertSucceeded();
        string[] lines =
        [
            .. result.Text.Replace("tail", "", StringComparison.Ordinal)
                .Split('\n')
                .Where(line => line.Length > 0)
                .Order(StringComparer.Ordinal),
        ];
        Assert.Equal<string[]>([.. replies.SelectMany(reply => Enumerable.Repeat(reply.PadRight(40, '.'), 2))], lines);
        Assert.Equal(Connections, result.Text.Split("tail").Length - 1);
    }

    [Fact]
    public async Task A_reply_longer_than_any_buffer_is_not_interrupted_by_other_connections()
    {
        string line = new string('x', 3_000_000) + "\n";
        await using TestServer server = TestServer.Start(Serve.EchoAsync);
        string file = _folder.Write("file", line);

        ClientResult result = await ClientProcess.RunAsync(server.Address, "--connections", "4", "--check-echo", file);

        result.AssertSucceeded();
        Assert.Equal(string.Concat(Enumerable.Repeat(line, 4)), result.Text);
    }
}
