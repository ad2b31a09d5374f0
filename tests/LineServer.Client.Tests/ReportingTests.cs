using System.Globalization;
using System.Text;

namespace LineServer.Client.Tests;

public sealed class ReportingTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Help_names_every_option_shows_examples_and_explains_the_exit_status()
    {
        ClientResult result = await ClientProcess.RunAsync("--help");

        result.AssertSucceeded();
        string[] options =
        [
            "--replies <N|none>", "--check-echo", "--window <N>", "--rate <N>", "--repeat <N>", "--connections <N>",
            "--terminate", "--timeout <TIME>", "--max-time <TIME>", "--retry", "--quiet", "--stats", "--help", "--version",
            "ADDRESS", "FILE",
        ];
        Assert.All(options, option => Assert.Contains(option, result.Text, StringComparison.Ordinal));
        Assert.Contains("echo hello | lineclient localhost:7007", result.Text, StringComparison.Ordinal);
        Assert.Contains("3  no connection", result.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Version_is_the_programs_name_and_the_assemblys_version()
    {
        ClientResult result = await ClientProcess.RunAsync("--version");

        result.AssertSucceeded();
        Assert.StartsWith(
            $"lineclient {typeof(LineClient).Assembly.GetName().Version!.ToString(3)}",
            result.Text,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stats_count_lines_replies_and_bytes_each_way()
    {
        await using TestServer server = TestServer.Start(Serve.Lines(_ => "ok\nyes\n"));

        ClientResult result = await ClientProcess.RunWithInputAsync(
            "one\ntwo\nthree\n", server.Address, "--stats", "--replies", "2");

        Assert.Equal(0, result.ExitStatus);
        Assert.Equal(1, result.Stat("connections"));
        Assert.Equal(3, result.Stat("lines sent"));
        Assert.Equal(6, result.Stat("replies"));
        Assert.Equal(14, result.Stat("bytes sent"));
        Assert.Equal(21, result.Stat("bytes received"));
        Assert.InRange(result.Stat("lines a second"), 1, 1e9);
        double[] latencies =
        [
            result.Stat("latency p50"),
            result.Stat("latency p90"),
            result.Stat("latency p99"),
            result.Stat("latency p99.9"),
            result.Stat("latency max"),
        ];
        Assert.Equal(latencies.Order(), latencies);
        Assert.InRange(latencies[0], 1, result.Stat("elapsed") * 1e6 * 1.01);
    }

    [Fact]
    public async Task Stats_have_no_latencies_where_no_replies_are_expected_and_come_after_a_failure_too()
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);

        ClientResult result = await ClientProcess.RunWithInputAsync("one\ntwo", server.Address, "--stats");

        Assert.Equal(1, result.ExitStatus);
        Assert.Equal(1, result.Stat("lines sent"));
        Assert.DoesNotContain("latency", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Under_a_rate_a_late_server_shows_in_the_latency_of_every_line_it_held_up()
    {
        // All replies come at the end: each of the nine lines, due every 20 ms, has waited since it was due.
        await using TestServer server = TestServer.Start(async socket =>
        {
            byte[] all = await Serve.CollectAsync(socket);
            await socket.SendAsync(all);
        });

        ClientResult result = await ClientProcess.RunWithInputAsync(
            string.Concat(Enumerable.Repeat("x\n", 9)), server.Address, "--stats", "--replies", "1", "--rate", "50");

        Assert.Equal(0, result.ExitStatus);
        Assert.InRange(result.Stat("latency max"), 160_000, double.MaxValue);
        Assert.InRange(result.Stat("latency p50"), 80_000, (result.Stat("latency max") - 79_900) * 1.01);
    }

    [Theory]
    [InlineData("> /dev/null", true)]
    [InlineData("--quiet > /dev/null", false)]
    [InlineData("> /dev/null 2> /dev/null", false)]
    public async Task Progress_is_shown_on_a_terminal_only(string arguments, bool shown)
    {
        // script(1) provides a terminal. The rate makes the run long enough for a progress bar.
        await using TestServer server = TestServer.Start(Serve.EchoAsync);
        string file = _folder.Write("file", string.Concat(Enumerable.Repeat("x\n", 10)));

        ClientResult result = await ClientProcess.RunInShellAsync(
            $"script -qec \"$L {server.Address} --rate 10 {file} {arguments}\" /dev/null");

        Assert.Equal(0, result.ExitStatus);
        Assert.Equal(shown, Encoding.UTF8.GetString(result.Output).Contains("sending", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Standard_output_and_error_may_share_a_file()
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);
        string file = _folder.PathOf("log");

        await ClientProcess.RunInShellAsync($"printf 'a\\nb\\n' | \"$L\" {server.Address} --stats > {file} 2>&1");

        string log = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        Assert.StartsWith("a\nb\nconnections", log, StringComparison.Ordinal);
        Assert.EndsWith("\n", log, StringComparison.Ordinal);
        Assert.Equal(9, log.Count(c => c == '\n'));
        Assert.True(double.Parse(log.Split("lines a second")[1].Trim(), CultureInfo.InvariantCulture) > 0);
    }
}
