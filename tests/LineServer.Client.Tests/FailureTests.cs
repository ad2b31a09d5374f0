using System.Net;
using System.Net.Sockets;

namespace LineServer.Client.Tests;

public sealed class FailureTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Dispose()
    {
        _end.TrySetResult();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("", "ADDRESS is missing")]
    [InlineData("nowhere", "'nowhere' is no address")]
    [InlineData("http://host:1", "is no address")]
    [InlineData("tcp://host", "'tcp://host' has no port; write tcp://HOST:PORT")]
    [InlineData("tcp://host:0", "0 is not a port; ports go from 1 to 65535")]
    [InlineData("tcp://host:65536", "65536 is not a port; ports go from 1 to 65535")]
    [InlineData("tcp://127.0.0.1:7007/", "'tcp://127.0.0.1:7007/' has a path; write tcp://127.0.0.1:7007")]
    [InlineData("tcp://:7007", "'tcp://:7007' has no host; write tcp://HOST:PORT")]
    [InlineData("tcp://*:7007", "'*' is no name of a host")]
    [InlineData("unix:@", "'unix:@' is neither a path nor an abstract name")]
    [InlineData("::1:7007", "needs brackets")]
    [InlineData("[nonsense]:7007", "no IPv6 address in its brackets")]
    [InlineData("unix:", "'unix:' is no address")]
    [InlineData("localhost:1 --bogus", "there is no option --bogus (")]
    [InlineData("localhost:1 --conections 2", "there is no option --conections; did you mean --connections?")]
    [InlineData("localhost:1 --stat", "there is no option --stat; did you mean --stats?")]
    [InlineData("localhost:1 --replies", "--replies")]
    [InlineData("localhost:1 --replies -1", "--replies takes a whole number from 0 to 1000000 or none, not '-1'")]
    [InlineData("localhost:1 --replies some", "--replies takes")]
    [InlineData("localhost:1 --window 1", "--window needs --replies")]
    [InlineData("localhost:1 --window 1 --replies 0", "--window needs --replies")]
    [InlineData("localhost:1 --window 0 --replies 1", "--window takes a whole number from 1")]
    [InlineData("localhost:1 --check-echo --replies 2", "--check-echo expects one reply")]
    [InlineData("localhost:1 --check-echo --replies none", "--check-echo expects one reply")]
    [InlineData("localhost:1 --rate 0", "--rate takes a number")]
    [InlineData("localhost:1 --rate 1e3", "--rate takes a number")]
    [InlineData("localhost:1 --timeout 0", "--timeout takes a time from 1ms to 1000000s, as in 30, 500ms, 5m or 1h, not '0'")]
    [InlineData("localhost:1 --max-time 5x", "--max-time takes a time")]
    [InlineData("localhost:1 --window 1.5 --replies 1", "--window takes a whole number")]
    [InlineData("localhost:1 --repeat 2", "--repeat needs files")]
    [InlineData("localhost:1 --repeat 2 -", "--repeat needs files")]
    [InlineData("localhost:1 --connections 2", "--connections needs files")]
    [InlineData("localhost:1 --connections 0 /dev/null", "--connections takes a whole number from 1")]
    [InlineData("localhost:1 --window 1 --window 2 --replies 1", "--window")]
    public async Task A_wrong_option_or_argument_is_one_clear_line_and_status_2(string args, string expected)
    {
        ClientResult result = await ClientProcess.RunAsync(args.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        result.AssertFailed(2, expected);
        Assert.Empty(result.Output);
    }

    [Theory]
    [InlineData("--repeat")]
    [InlineData("--connections")]
    public async Task What_reads_the_input_again_refuses_a_fifo(string option)
    {
        string fifo = _folder.PathOf("fifo");

        ClientResult result = await ClientProcess.RunInShellAsync(
            $"mkfifo {fifo}; true > {fifo} & \"$L\" localhost:1 {option} 2 {fifo}");

        result.AssertFailed(2, $"{option} needs files: {fifo} can be read only once");
    }

    [Fact]
    public async Task Inputs_that_cannot_be_opened_are_named_before_anything_is_connected()
    {
        bool connected = false;
        await using TestServer server = TestServer.Start(socket =>
        {
            connected = true;
            return Serve.EchoAsync(socket);
        });
        string good = _folder.Write("good", "x\n");

        ClientResult missing = await ClientProcess.RunAsync(server.Address, good, _folder.PathOf("missing"));
        ClientResult folder = await ClientProcess.RunAsync(server.Address, good, _folder.PathOf(""));

        missing.AssertFailed(1, "missing: no such file");
        folder.AssertFailed(1, ": is a directory");
        Assert.False(connected);
    }

    [Theory]
    [InlineData("tcp://127.0.0.1:", "Connection refused")]
    [InlineData("unix:", "no such socket file")]
    public async Task Nobody_listening_is_status_3(string scheme, string expected)
    {
        using Socket bound = BindWithoutListening();
        string address = scheme + (scheme is "unix:" ? _folder.PathOf("none") : $"{PortOf(bound)}");

        ClientResult result = await ClientProcess.RunWithInputAsync("x\n", address);

        result.AssertFailed(3, $"cannot connect to {address}: {expected}");
    }

    [Fact]
    public async Task Retrying_ends_with_the_timeout()
    {
        using Socket bound = BindWithoutListening();

        ClientResult result = await ClientProcess.RunWithInputAsync(
            "x\n", $"127.0.0.1:{PortOf(bound)}", "--retry", "--timeout", "1");

        Assert.Equal(3, result.ExitStatus);
        Assert.Contains("Connection refused; retrying for up to 1 s\n", result.Errors, StringComparison.Ordinal);
        Assert.EndsWith("Connection refused, tried for 1 s\n", result.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Retrying_finds_a_server_that_starts_later(bool unix)
    {
        string socketFile = _folder.PathOf("sock");
        using Socket bound = BindWithoutListening();
        using ClientProcess client = ClientProcess.Start(
            unix ? $"unix:{socketFile}" : $"127.0.0.1:{PortOf(bound)}",
            "--retry",
            "--check-echo",
            _folder.Write("file", "x\n"));
        await client.ErrorsContainAsync("retrying for");

        await using TestServer server = unix
            ? TestServer.StartOn(socketFile, Serve.EchoAsync)
            : TestServer.StartOn(bound, Serve.EchoAsync);
        ClientResult result = await client.EndAsync();

        Assert.Equal(0, result.ExitStatus);
        Assert.Equal("x\n", result.Text);
    }

    [Fact]
    public async Task Nothing_is_sent_a_second_time_after_a_connection_broke()
    {
        int connections = 0;
        await using TestServer server = TestServer.Start(async socket =>
        {
            connections++;
            await socket.ReceiveAsync(new byte[1]);
            Serve.Reset(socket);
        });

        ClientResult result = await ClientProcess.RunWithInputAsync(
            "a\nb\n", server.Address, "--retry", "--replies", "1");

        result.AssertFailed(1, "the server reset the connection");
        Assert.Equal(1, connections);
    }

    [Fact]
    public async Task A_server_that_closes_early_is_reported_with_how_far_it_came()
    {
        await using TestServer server = TestServer.Start(async socket =>
        {
            await socket.ReceiveAsync(new byte[2]);
            await socket.SendAsync("last words\n"u8.ToArray());
        });
        string file = _folder.Write("file", string.Concat(Enumerable.Repeat("x\n", 5_000_000)));

        ClientResult result = await ClientProcess.RunAsync(server.Address, file);

        result.AssertFailed(1, "connection 1: the server ");
        Assert.Contains("(lines sent: ", result.Errors, StringComparison.Ordinal);
        Assert.Equal("last words\n", result.Text);
    }

    [Fact]
    public async Task A_server_that_closes_while_the_input_is_open_ends_the_client()
    {
        await using TestServer server = TestServer.Start(async socket => await socket.SendAsync("bye\n"u8.ToArray()));
        using ClientProcess client = ClientProcess.Start(server.Address);

        ClientResult result = await client.EndAsync();

        result.AssertFailed(1, "the server closed the connection before all was sent");
        Assert.Equal("bye\n", result.Text);
    }

    [Fact]
    public async Task A_server_that_closes_while_the_second_input_is_open_ends_the_client()
    {
        await using TestServer server = TestServer.Start(async socket => await socket.ReceiveAsync(new byte[2]));
        using ClientProcess client = ClientProcess.Start(server.Address, _folder.Write("file", "x\n"), "-");

        ClientResult result = await client.EndAsync();

        result.AssertFailed(1, "the server closed the connection before all was sent (lines sent: 1");
    }

    [Fact]
    public async Task A_server_that_closes_after_the_last_line_is_no_error_though_the_pipe_ends_later()
    {
        var closing = new TaskCompletionSource();
        await using TestServer server = TestServer.Start(async socket =>
        {
            await socket.ReceiveAsync(new byte[5]);
            socket.Shutdown(SocketShutdown.Send);
            closing.SetResult();
            Assert.Equal(0, await Serve.DiscardAsync(socket));
        });
        using ClientProcess client = ClientProcess.Start(server.Address);

        await client.WriteAsync("quit\n");
        await closing.Task;
        client.Input.Close();

        (await client.EndAsync()).AssertSucceeded();
    }

    [Theory]
    [InlineData("--replies", "1", "line 1: no reply; nothing moved for 1 s")]
    [InlineData("--replies", "none", "the server does not close the connection; nothing moved for 1 s")]
    public async Task A_silent_server_is_given_up_on(string option, string value, string expected)
    {
        await using TestServer server = TestServer.Start(Serve.Silence(_end.Task));

        ClientResult result = await ClientProcess.RunWithInputAsync(
            "a\nb\n", server.Address, option, value, "--timeout", "1");

        result.AssertFailed(1, expected);
        Assert.Contains("(lines sent: 2, replies: 0)", result.Errors, StringComparison.Ordinal);
        _end.SetResult();
    }

    [Fact]
    public async Task A_server_that_never_reads_is_given_up_on()
    {
        await using TestServer server = TestServer.Start(Serve.Silence(_end.Task));
        string file = _folder.Write("file", string.Concat(Enumerable.Repeat("x\n", 10_000_000)));

        ClientResult result = await ClientProcess.RunAsync(server.Address, file, "--timeout", "1");

        result.AssertFailed(1, "the server does not read; nothing moved for 1 s");
        _end.SetResult();
    }

    [Fact]
    public async Task An_input_that_is_slow_is_no_reason_to_give_up()
    {
        // The client must outlive its timeout while it waits for its own input. A second client, which waits
        // for a silent server and gives up, shows that the timeout has passed.
        await using TestServer echo = TestServer.Start(Serve.EchoAsync);
        await using TestServer silent = TestServer.Start(Serve.Silence(_end.Task));
        using ClientProcess waiting = ClientProcess.Start(echo.Address, "--check-echo", "--timeout", "1");
        await waiting.WriteAsync("a\n");

        ClientResult impatient = await ClientProcess.RunAsync(silent.Address, "--timeout", "2");
        await waiting.WriteAndCloseAsync("b\n"u8.ToArray());
        ClientResult result = await waiting.EndAsync();

        impatient.AssertFailed(1, "nothing moved for 2 s");
        result.AssertSucceeded();
        Assert.Equal("a\nb\n", result.Text);
        _end.SetResult();
    }

    [Fact]
    public async Task Help_on_an_output_that_is_full_is_one_clear_line() =>
        (await ClientProcess.RunInShellAsync("\"$L\" --help > /dev/full")).AssertFailed(1, "No space left on device");

    [Theory]
    [InlineData("> /dev/full", "No space left on device")]
    [InlineData(">&-", "it is closed")]
    public async Task An_output_that_takes_nothing_is_one_clear_line(string redirection, string expected)
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);

        ClientResult result = await ClientProcess.RunInShellAsync($"echo x | \"$L\" {server.Address} {redirection}");

        result.AssertFailed(1, $"cannot write replies to standard output: {expected}");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    public async Task A_reader_of_the_replies_that_goes_away_ends_all_with_one_clear_line(int connections)
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);
        string file = _folder.Write("file", string.Concat(Enumerable.Repeat("x\n", 1_000_000)));

        ClientResult result = await ClientProcess.RunInShellAsync(
            $"(\"$L\" {server.Address} --connections {connections} {file}; " +
            $"echo $? > {_folder.PathOf("status")}) | head -1");

        Assert.Equal("x\n", result.Text);
        Assert.Equal("lineclient: cannot write replies to standard output: Broken pipe\n", result.Errors);
        Assert.Equal(
            "1\n", await File.ReadAllTextAsync(_folder.PathOf("status"), TestContext.Current.CancellationToken));
    }

    /// <summary>Holds a port that refuses connections: no other process can listen on it meanwhile.</summary>
    private static Socket BindWithoutListening()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private static int PortOf(Socket bound) => ((IPEndPoint)bound.LocalEndPoint!).Port;
}
