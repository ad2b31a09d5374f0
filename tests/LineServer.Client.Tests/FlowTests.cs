using System.Diagnostics;
using System.Net.Sockets;
using System.Text;

namespace LineServer.Client.Tests;

public sealed class FlowTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    [InlineData(2, 2)]
    public async Task A_window_holds_lines_back_until_earlier_ones_are_answered(int window, int replies)
    {
        // The server answers only once the window is full: it would see lines beyond the window together with
        // those that fill it.
        const int Lines = 12;
        int mostAtOnce = 0;
        await using TestServer server = TestServer.Start(async socket =>
        {
            byte[] buffer = new byte[4096];
            int unanswered = 0;
            while (await socket.ReceiveAsync(buffer) is int length and > 0)
            {
                unanswered += buffer.AsSpan(0, length).Count((byte)'\n');
                mostAtOnce = Math.Max(mostAtOnce, unanswered);
                if (unanswered >= window)
                {
                    await socket.SendAsync(
                        Encoding.Latin1.GetBytes(string.Concat(Enumerable.Repeat("ok\n", unanswered * replies))));
                    unanswered = 0;
                }
            }
        });

        ClientResult result = await ClientProcess.RunWithInputAsync(
            string.Concat(Enumerable.Repeat("line\n", Lines)), server.Address, "--replies", $"{replies}", "--window", $"{window}", "--quiet");

        result.AssertSucceeded();
        Assert.Equal(window, mostAtOnce);
    }

    [Fact]
    public async Task A_line_larger_than_a_window_of_one_and_any_buffer_goes_through()
    {
        string lines = new string('a', 1_000_000) + "\nb\n" + new string('c', 500_000) + "\n";
        await using TestServer server = TestServer.Start(Serve.Lines(line => line));

        ClientResult result = await ClientProcess.RunAsync(
            server.Address, "--check-echo", "--window", "1", _folder.Write("file", lines));

        result.AssertSucceeded();
        Assert.Equal(lines, result.Text);
    }

    [Fact]
    public async Task A_rate_spreads_the_lines_of_all_connections_over_time()
    {
        // Three connections with seven lines each: the twenty-first line is due 20/40 s after the first. It
        // may be later, but not earlier.
        int received = 0;
        await using TestServer server = TestServer.Start(Serve.Lines(line =>
        {
            Interlocked.Increment(ref received);
            return line;
        }));
        string file = _folder.Write("file", string.Concat(Enumerable.Repeat("x\n", 7)));
        long start = Stopwatch.GetTimestamp();

        ClientResult result = await ClientProcess.RunAsync(
            server.Address, "--rate", "40", "--connections", "3", "--check-echo", "--stats", "--quiet", file);

        Assert.Equal(0, result.ExitStatus);
        Assert.Equal(21, received);
        Assert.InRange(result.Stat("elapsed"), 0.5, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    [Fact]
    public async Task The_input_is_repeated_as_often_as_asked()
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);

        ClientResult result = await ClientProcess.RunAsync(
            server.Address, "--repeat", "3", "--check-echo", _folder.Write("a", "a\n"), _folder.Write("empty", ""), _folder.Write("b", "b\n"));

        result.AssertSucceeded();
        Assert.Equal("a\nb\na\nb\na\nb\n", result.Text);
    }

    [Fact]
    public async Task Five_hundred_connections_each_send_the_whole_input_and_get_it_back()
    {
        int accepted = 0;
        await using TestServer server = TestServer.Start(socket =>
        {
            Interlocked.Increment(ref accepted);
            return Serve.EchoAsync(socket);
        });
        string file = _folder.Write("file", string.Concat(Enumerable.Range(0, 100).Select(i => $"line {i}\n")));

        ClientResult result = await ClientProcess.RunAsync(
            server.Address, "--connections", "500", "--check-echo", "--stats", "--quiet", file);

        Assert.Equal(0, result.ExitStatus);
        Assert.Equal(500, accepted);
        Assert.Equal(500, result.Stat("connections"));
        Assert.Equal(50_000, result.Stat("lines sent"));
        Assert.Equal(50_000, result.Stat("replies"));
        Assert.Equal(500 * new FileInfo(file).Length, result.Stat("bytes received"));
    }

    [Fact]
    public async Task Nothing_is_sent_on_any_connection_before_all_are_open()
    {
        // A listener that accepts no connections, with a queue of two (a backlog of one): the third
        // connection never opens.
        string socketFile = _folder.PathOf("sock");
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(socketFile));
        listener.Listen(1);

        ClientResult result = await ClientProcess.RunAsync(
            $"unix:{socketFile}", "--connections", "4", "--timeout", "0.3", _folder.Write("file", "x\n"));

        result.AssertFailed(3, "the server accepts no connections");
        using Socket first = await listener.AcceptAsync(TestContext.Current.CancellationToken);
        Assert.Empty(await Serve.CollectAsync(first));
    }

    [Fact]
    public async Task Sending_and_receiving_go_on_at_the_same_time()
    {
        // The server reads nothing until the client has taken all its replies: more than any socket buffer
        // holds.
        const int Replies = 40_000_000;
        await using TestServer server = TestServer.Start(async socket =>
        {
            byte[] reply = new byte[64 * 1000];
            for (int sent = 0; sent < Replies; sent += reply.Length)
            {
                await socket.SendAsync(reply);
            }

            Assert.Equal(20_000_000, await Serve.DiscardAsync(socket));
        });
        string file = _folder.Write("file", string.Concat(Enumerable.Repeat("123456789\n", 2_000_000)));

        ClientResult result = await ClientProcess.RunAsync(server.Address, "--quiet", "--stats", file);

        Assert.Equal(0, result.ExitStatus);
        Assert.Equal(Replies, result.Stat("bytes received"));
    }
}
