using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LineServer.Client.Tests.Streams;

/// <summary>The built lineclient as a process: signals, standard input, and kills in the middle.</summary>
public sealed class StreamProcessTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string State => _folder.PathOf("state");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Help_names_the_options_of_streams()
    {
        string text = (await ClientProcess.RunAsync("--help")).Text;
        string[] options =
        [
            "--stream <NAME>", "--follow", "--resend", "--token-file <PATH>", "--state <DIR>", "--spool-limit <SIZE>", "--give-up-after <TIME|never>",
            "lineclient tcp://logs.example:7007 --stream web-7 access.log",
        ];
        Assert.All(options, option => Assert.Contains(option, text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Stats_tell_lines_bytes_reconnects_and_what_is_acknowledged()
    {
        await using AckServer server = AckServer.Start(connection => connection.OpeningAsync());
        server.Set("zero\n");

        ClientResult result = await RunAsync(server, "--quiet", "--stats", _folder.Write("file", "zero\none\ntwo\n"));

        Assert.Equal(0, result.ExitStatus);
        Assert.Empty(result.Output);
        Assert.Equal((2, 8, 3, 1), (result.Stat("lines sent"), result.Stat("bytes sent"), result.Stat("acknowledged"), result.Stat("reconnects")));
        Assert.True(result.Stat("elapsed") > 0);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_status_3_in_time()
    {
        using var bound = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0));

        ClientResult result = await ClientProcess.RunAsync(
            $"tcp://{bound.LocalEndPoint}", "--stream", "s", "--state", State, "--quiet", "--give-up-after", "300ms", _folder.Write("file", "x\n"));

        result.AssertFailed(3, "Connection refused; given up after 0.3 s");
    }

    [Theory]
    [InlineData("missing", "no such file")]
    [InlineData("", "is a directory")]
    public async Task A_file_that_cannot_be_opened_is_named_before_anything_is_connected(string name, string expected)
    {
        await using AckServer server = AckServer.Start();
        (await RunAsync(server, _folder.PathOf(name))).AssertFailed(1, expected);
        Assert.Equal(0, server.Connections);
    }

    [Fact]
    public async Task Standard_input_goes_through_the_spool_and_each_run_continues_the_stream()
    {
        await using AckServer server = AckServer.StartOn(_folder.PathOf("sock"));

        (await RunWithInputAsync("one\ntwo\n", server)).AssertSucceeded();
        (await RunWithInputAsync("three\n", server, "-")).AssertSucceeded();
        (await RunWithInputAsync("", server)).AssertSucceeded();

        Assert.Equal("one\ntwo\nthree\n", server.Text);
        Assert.Empty(Directory.GetFiles(State, "*.spool", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task The_first_run_of_standard_input_continues_a_stream_and_later_ones_refuse_one_that_someone_else_has_continued()
    {
        await using AckServer server = AckServer.Start();
        server.Set("zero\n");

        (await RunWithInputAsync("one\ntwo\n", server)).AssertSucceeded();
        Assert.Equal("zero\none\ntwo\n", server.Text);

        server.Set("zero\none\ntwo\nby someone else\n");
        ClientResult result = await RunWithInputAsync("three\n", server);
        Assert.Equal(1, result.ExitStatus);
        Assert.Contains("standard input is not the input of the stream s: ", result.Errors, StringComparison.Ordinal);
        Assert.Equal(4, server.Count);
    }

    [Fact]
    public async Task Lines_of_standard_input_that_the_server_has_lost_and_the_spool_too_are_said_loudly()
    {
        await using AckServer server = AckServer.Start();
        (await RunWithInputAsync("one\ntwo\n", server)).AssertSucceeded();
        server.Set("one\n");

        ClientResult refused = await RunWithInputAsync("three\n", server, "--quiet");
        Assert.Equal(1, refused.ExitStatus);
        Assert.Contains("LINES ARE LOST: the server has 1 lines of s, but had acknowledged 2.", refused.Errors, StringComparison.Ordinal);
        Assert.Equal("one\n", server.Text);

        ClientResult resent = await RunWithInputAsync("four\n", server, "--resend");
        Assert.Equal(0, resent.ExitStatus);
        Assert.Contains("and those up to 2 are no longer here", resent.Errors, StringComparison.Ordinal);
        Assert.Equal("one\nthree\nfour\n", server.Text);
    }

    [Theory]
    [InlineData("", 1, "one\n")]
    [InlineData("--terminate", 0, "one\ntwo\n")]
    public async Task A_last_line_of_standard_input_without_an_LF_is_no_line_unless_it_is_terminated(string option, int exitStatus, string expected)
    {
        await using AckServer server = AckServer.Start();

        ClientResult result = await RunWithInputAsync("one\ntwo", server, option.Length == 0 ? [] : [option]);

        Assert.Equal(exitStatus, result.ExitStatus);
        Assert.Equal(exitStatus == 0 ? "" : "lineclient: standard input: the last line has no LF; it was not sent (--terminate adds it)\n", result.Errors);
        Assert.Equal(expected, server.Text);
    }

    [Fact]
    public async Task A_fifo_is_spooled_like_standard_input()
    {
        await using AckServer server = AckServer.Start();
        string fifo = _folder.PathOf("fifo");

        ClientResult result = await ClientProcess.RunInShellAsync(
            $"mkfifo {fifo}; (echo one; echo two) > {fifo} & \"$L\" {server.Address} --stream s --state {State} {fifo}");

        result.AssertSucceeded();
        Assert.Equal("one\ntwo\n", server.Text);
    }

    [Fact]
    public async Task A_full_spool_stops_the_reading_and_says_so_once()
    {
        // 5 MB for a spool of 1 MiB, and no server until the client has said that it is full.
        using var bound = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        string input = string.Concat(Enumerable.Range(0, 50_000).Select(i => $"{i} {new string('x', 100)}\n"));
        using ClientProcess client = ClientProcess.Start(
            $"tcp://{bound.LocalEndPoint}", "--stream", "s", "--state", State, "--spool-limit", "1M", "--quiet");
        Task writing = client.WriteAndCloseAsync(Encoding.ASCII.GetBytes(input));
        await client.ErrorsContainAsync("the spool is full");
        Assert.False(writing.IsCompleted);

        await using AckServer server = AckServer.StartOn(bound);
        await writing;
        ClientResult result = await client.EndAsync();

        Assert.Equal("lineclient: the spool is full (1048576 bytes): standard input is not read until the server has acknowledged more\n", result.Errors);
        Assert.Equal(0, result.ExitStatus);
        Assert.True(input == server.Text);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task Following_ends_well_by_a_signal_when_all_is_acknowledged(string signal)
    {
        await using AckServer server = AckServer.Start();
        string log = _folder.Write("app.log", "1\n");
        using ClientProcess client = Start(server, "--follow", log);
        await server.StoredAsync(1);
        await File.AppendAllTextAsync(log, "2\n", TestContext.Current.CancellationToken);
        await server.StoredAsync(2);

        client.Signal(signal);

        (await client.EndAsync()).AssertSucceeded();
        Assert.Equal("1\n2\n", server.Text);
    }

    [Fact]
    public async Task A_signal_ends_standard_input_and_what_is_left_is_sent_by_the_next_run()
    {
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OkAsync();
            await connection.TakeUntilAsync(1);
            await connection.AckAsync();
            await connection.SendAsync("ERR 503 draining retry=60\n");
            await end.Task;
        });
        using ClientProcess client = Start(server, "--stats");
        await client.WriteAsync("one\ntwo\n");
        await client.ErrorsContainAsync("trying again");

        client.Signal("TERM");
        ClientResult result = await client.EndAsync();
        end.SetResult();
        Assert.Equal(143, result.ExitStatus);
        Assert.Contains("lineclient: ended by SIGTERM (lines sent: ", result.Errors, StringComparison.Ordinal);

        ClientResult next = await RunWithInputAsync("three\n", server);
        Assert.Equal(0, next.ExitStatus);
        Assert.Contains("the last run has left 8 bytes in the spool", next.Errors, StringComparison.Ordinal);
        Assert.Equal("one\ntwo\nthree\n", server.Text);
    }

    [Fact]
    public async Task Progress_is_shown_on_a_terminal()
    {
        ClientProcess? client = null;
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OkAsync();
            await client!.OutputContainsAsync("acknowledged");
            await connection.FinishAsync();
        });
        using (client = ClientProcess.StartInShell($"script -qec \"$L {server.Address} --stream s --state {State} {_folder.Write("file", "x\n")}\" /dev/null"))
        {
            Assert.Equal(0, (await client.EndAsync()).ExitStatus);
        }
    }

    [Theory]
    [InlineData("--quiet")]
    [InlineData("2> /dev/null")]
    public async Task Progress_is_shown_neither_quietly_nor_elsewhere(string arguments)
    {
        // The run lasts longer than a bar needs to come.
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OkAsync();
            await end.Task;
        });
        string file = _folder.Write("file", "x\n");

        ClientResult result = await ClientProcess.RunInShellAsync(
            $"script -qec \"$L {server.Address} --stream s --state {State} --max-time 1 {file} {arguments}\" /dev/null");

        end.SetResult();
        Assert.Equal(1, result.ExitStatus);
        Assert.DoesNotContain("0%", result.Text, StringComparison.Ordinal);
        Assert.Equal(arguments is "--quiet", result.Text.Contains("--max-time: 1 s have passed (lines sent: 1, acknowledged: 0)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_large_file_needs_no_more_memory_than_a_small_one()
    {
        string line = new string('x', 99) + "\n";
        string large = _folder.Write("large", string.Concat(Enumerable.Repeat(line, 400_000)));

        long smallKiB = await PeakKiBAsync(_folder.Write("small", line), "small");
        long largeKiB = await PeakKiBAsync(large, "large");

        Assert.InRange(largeKiB, 0, smallKiB + (24 * 1024));
    }

    [Fact]
    public async Task A_client_that_is_killed_again_and_again_sends_every_line_of_its_file_once()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        string content = string.Concat(Enumerable.Range(1, 100_000).Select(i => $"line {i} {new string('x', i * 7919 % 60)}\n"));
        string file = _folder.Write("file", content);
        await using AckServer server = AckServer.Start();
        for (int round = 0; round < 10; round++)
        {
            await KillAsync(server, random, until: server.Count + random.Next(0, 5000), file);
        }

        ClientResult result = await RunAsync(server, "--quiet", file);

        Assert.True(result.ExitStatus == 0 && content == server.Text, $"seed {seed}: {result.Errors}");
    }

    [Fact]
    public async Task A_client_that_is_killed_again_and_again_sends_each_line_of_its_spool_once_and_in_order()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        await using AckServer server = AckServer.Start();
        for (int round = 1; round <= 8; round++)
        {
            // Short enough that all rounds fit into the spool, whose segments are small: some are removed between kills.
            string input = string.Concat(Enumerable.Range(1, 3000).Select(i => $"{round} {i} {new string('x', i % 9)}\n"));
            await KillAsync(server, random, until: server.Count + random.Next(0, 4000), input: Encoding.ASCII.GetBytes(input));
        }

        ClientResult result = await RunWithInputAsync("9 1 end\n", server, "--quiet");

        Assert.True(result.ExitStatus == 0, $"seed {seed}: {result.Errors}");
        (int Round, int Number) last = (0, 0);
        foreach (string line in server.Text.Split('\n')[..^1])
        {
            int[] numbers = [.. line.Split(' ')[..2].Select(number => int.Parse(number, CultureInfo.InvariantCulture))];
            Assert.True(
                (numbers[0] == last.Round && numbers[1] == last.Number + 1) || (numbers[0] > last.Round && numbers[1] == 1),
                $"seed {seed}: {last} is followed by {line}");
            last = (numbers[0], numbers[1]);
        }

        Assert.Equal((9, 1), last);
    }

    /// <summary>
    /// Starts the client and kills it: when the server has stored so many lines, before OK, or when all was sent. The server
    /// has acknowledged all, some or nothing then, and reads on what had arrived, or does not.
    /// </summary>
    private async Task KillAsync(AckServer server, Random random, long until, string? file = null, byte[]? input = null)
    {
        var kill = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var killed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        (bool beforeOk, bool acknowledges, bool readsOn, int most) = (random.Next(8) == 0, random.Next(2) == 0, random.Next(2) == 0, random.Next(1, 3000));
        server.Script(async connection =>
        {
            if (!beforeOk)
            {
                await connection.OkAsync();
                while (connection.Server.Count < until && await connection.TakeAsync((int)Math.Min(most, until - connection.Server.Count)))
                {
                    if (acknowledges)
                    {
                        await connection.AckAsync();
                    }
                }
            }

            kill.SetResult();
            await killed.Task;
            while (readsOn && await connection.TakeAsync())
            {
            }
        });

        using ClientProcess client = Start(server, file is null ? ["--quiet", "--spool-limit", "1M"] : ["--quiet", file]);
        Task writing = input is null ? Task.CompletedTask : client.WriteAndCloseAsync(input);
        await kill.Task.WaitAsync(TimeSpan.FromSeconds(60));
        client.Kill();
        await client.EndAsync();
        await writing;
        killed.SetResult();
    }

    private async Task<long> PeakKiBAsync(string file, string stream)
    {
        long peak = 0;
        ClientProcess? client = null;
        await using TestServer server = TestServer.Start(async socket =>
        {
            await socket.ReceiveAsync(new byte[512]);
            await socket.SendAsync("OK 0 crc32c=00000000\n"u8.ToArray());
            await Serve.DiscardAsync(socket);
            peak = client!.PeakMemoryKiB;
            await socket.SendAsync(Encoding.ASCII.GetBytes($"BYE {(stream is "large" ? 400_000 : 1)} 0\n"));
        });
        using (client = ClientProcess.Start(server.Address, "--stream", stream, "--state", State, file))
        {
            (await client.EndAsync()).AssertSucceeded();
        }

        return peak;
    }

    private ClientProcess Start(AckServer server, params string[] args) =>
        ClientProcess.Start([server.Address, "--stream", "s", "--state", State, .. args]);

    private Task<ClientResult> RunAsync(AckServer server, params string[] args) => RunWithInputAsync("", server, args);

    private Task<ClientResult> RunWithInputAsync(string input, AckServer server, params string[] args) =>
        ClientProcess.RunWithInputAsync(input, [server.Address, "--stream", "s", "--state", State, .. args]);
}
