using System.Net.Sockets;
using System.Text;

namespace LineServer.Client.Tests;

/// <summary>
/// Runs that end early: by a signal, by <c>--max-time</c>, or because an input never comes.
/// </summary>
public sealed class EarlyEndTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Dispose()
    {
        _end.TrySetResult();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_closed_standard_input_is_one_clear_line()
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);

        ClientResult result = await ClientProcess.RunInShellAsync($"\"$L\" {server.Address} --timeout 1 <&-");

        result.AssertFailed(1, "standard input is closed");
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public async Task A_signal_ends_the_run_with_the_stats_so_far(string signal, int exitStatus)
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);
        using ClientProcess client = ClientProcess.Start(server.Address, "--stats", "--check-echo");
        await client.WriteAsync("one\ntwo\n");
        await client.OutputContainsAsync("two\n");

        client.Signal(signal);
        ClientResult result = await client.EndAsync();

        Assert.Equal(exitStatus, result.ExitStatus);
        Assert.StartsWith(
            $"lineclient: ended by SIG{signal} (lines sent: 2, replies: 2)\n", result.Errors, StringComparison.Ordinal);
        Assert.Equal(2, result.Stat("lines sent"));
        Assert.Equal(2, result.Stat("replies"));
        Assert.InRange(result.Stat("latency max"), 1, 1e9);
    }

    [Fact]
    public async Task A_signal_while_connecting_is_retried_ends_the_run()
    {
        using ClientProcess client = ClientProcess.Start(
            $"unix:{_folder.PathOf("none")}", "--retry", _folder.Write("file", "x\n"));
        await client.ErrorsContainAsync("retrying for");

        client.Signal("INT");
        ClientResult result = await client.EndAsync();

        Assert.Equal(130, result.ExitStatus);
        Assert.EndsWith(
            "lineclient: ended by SIGINT before all connections were open\n", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_overall_deadline_holds_though_the_server_goes_on()
    {
        await using TestServer server = TestServer.Start(async socket =>
        {
            // Endless progress, so --timeout never fires.
            while (!_end.Task.IsCompleted)
            {
                await socket.SendAsync("more\n"u8.ToArray());
            }
        });

        ClientResult result = await ClientProcess.RunWithInputAsync(
            "x\n", server.Address, "--quiet", "--max-time", "3");

        result.AssertFailed(1, "--max-time: 3 s have passed (lines sent: 1, replies: ");
        _end.SetResult();
    }

    [Fact]
    public async Task The_overall_deadline_holds_while_an_input_has_not_come()
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);
        using ClientProcess client = ClientProcess.Start(server.Address, "--max-time", "3");

        (await client.EndAsync()).AssertFailed(1, "--max-time: 3 s have passed (lines sent: 0, replies: 0)");
    }

    [Fact]
    public async Task The_overall_deadline_holds_while_a_fifo_has_no_writer()
    {
        string fifo = _folder.PathOf("fifo");

        ClientResult result = await ClientProcess.RunInShellAsync(
            $"mkfifo {fifo}; exec \"$L\" localhost:1 --max-time 3 {fifo}");

        result.AssertFailed(1, "--max-time: 3 s have passed before all inputs were open");
    }

    [Fact]
    public async Task The_overall_deadline_holds_while_nobody_reads_the_replies()
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);
        string file = _folder.Write("file", string.Concat(Enumerable.Repeat("x\n", 1_000_000)));
        string status = _folder.PathOf("status");
        string fifo = _folder.PathOf("fifo");

        // Descriptor 3 keeps the fifo's read end open, and reads nothing.
        ClientResult result = await ClientProcess.RunInShellAsync(
            $"mkfifo {fifo}; exec 3<>{fifo}; \"$L\" {server.Address} --max-time 3 {file} >{fifo}; echo $? > {status}");

        Assert.StartsWith(
            "lineclient: --max-time: 3 s have passed (lines sent: ", result.Errors, StringComparison.Ordinal);
        Assert.Equal("1\n", await File.ReadAllTextAsync(status, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task An_input_that_changed_while_it_was_sent_is_told_apart_from_a_wrong_reply()
    {
        string file = _folder.Write("file", "one\ntwo\n");
        await using TestServer server = TestServer.Start(async socket =>
        {
            byte[] sent = await Serve.CollectAsync(socket);
            await File.WriteAllTextAsync(file, "one\nTWO\n");
            await socket.SendAsync(sent);
            socket.Shutdown(SocketShutdown.Send);
        });

        ClientResult result = await ClientProcess.RunAsync(server.Address, "--check-echo", file);

        result.AssertFailed(
            1, $"{file} changed while it was sent, so the server may be right: line 2: the reply differs");
    }

    [Fact]
    public async Task Replies_are_escaped_on_a_terminal_and_raw_in_a_pipe()
    {
        string file = _folder.Write("file", Encoding.UTF8.GetBytes("\u001b[31mred é\a\r\n"));
        await using TestServer server = TestServer.Start(Serve.EchoAsync);

        ClientResult terminal = await ClientProcess.RunInShellAsync(
            $"script -qec \"$L {server.Address} {file}\" /dev/null");
        ClientResult pipe = await ClientProcess.RunInShellAsync($"\"$L\" {server.Address} {file}");

        Assert.Equal(
            "\\x1B[31mred é\\x07\n",
            Encoding.UTF8.GetString(terminal.Output).Replace("\r", "", StringComparison.Ordinal));
        Assert.Equal(await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken), pipe.Output);
    }
}
