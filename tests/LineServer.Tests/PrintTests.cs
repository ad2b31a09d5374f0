using System.Net.Sockets;
using System.Text;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>The print handler: its output, and what happens if nothing can be written.</summary>
public class PrintTests
{
    private static readonly string[] Print = ["--listen", "tcp://127.0.0.1:0", "--handler", "print"];

    [Fact]
    public async Task Lines_are_labelled_and_in_order_for_each_of_many_connections()
    {
        const int Connections = 100;
        const int Count = 200;
        await using DaemonProcess daemon = DaemonProcess.Serve("print");
        string[] labels = await Task.WhenAll(Enumerable.Range(0, Connections).Select(async i =>
        {
            using LineSocket client = await daemon.ConnectAsync();
            await client.SendAsync(string.Concat(Enumerable.Range(0, Count).Select(line => $"{i}.{line}\r\n")));
            client.HalfClose();
            Assert.Equal("", await client.ReadToEndAsync());
            return client.Socket.LocalEndPoint!.ToString()!;
        }));
        Assert.Equal(0, await daemon.StopAsync());
        ILookup<string, string> printed = (await daemon.Output.ToEndAsync()).TrimEnd('\n').Split('\n').Select(line => line.Split("> ")).ToLookup(parts => parts[0], parts => parts[1], StringComparer.Ordinal);
        Assert.Equal(Connections, printed.Count);
        Assert.All(labels, (label, i) => Assert.Equal(Enumerable.Range(0, Count).Select(line => $"{i}.{line}"), printed[label], StringComparer.Ordinal));
    }

    [Fact]
    public async Task Everything_received_is_printed_before_the_exit_however_late_it_is_read()
    {
        const int Count = 20_000;
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart(Print) { HoldsStandardOutput = true });
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync(string.Concat(Enumerable.Range(0, Count).Select(i => $"line {i}\n")));
        client.HalfClose();
        // FIN: all lines were received. The pipe holds 64 KiB of them, and nobody has read it yet.
        Assert.Equal("", await client.ReadToEndAsync());
        daemon.Send(Signal.Terminate);
        await daemon.Log.FirstAsync("stopped");
        string label = client.Socket.LocalEndPoint!.ToString()!;
        Assert.Equal(Enumerable.Range(0, Count).Select(i => $"{label}> line {i}"), (await daemon.Output.ToEndAsync()).TrimEnd('\n').Split('\n'), StringComparer.Ordinal);
        Assert.Equal(0, await daemon.ExitAsync());
    }

    [Fact]
    public async Task An_output_that_nobody_reads_slows_the_client_down_and_a_second_signal_ends_the_wait()
    {
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart(Print) { HoldsStandardOutput = true });
        using LineSocket client = await daemon.ConnectAsync();
        byte[] lines = [.. Enumerable.Repeat(Encoding.ASCII.GetBytes(new string('x', 999) + "\n"), 40_000).SelectMany(line => line)];
        client.SendUntilStuck(lines);
        daemon.Send(Signal.Terminate);
        await daemon.Log.FirstAsync("draining");
        Assert.Equal(1, await daemon.AbortAsync(Signal.Terminate));
        Assert.Single(daemon.Log.Lines, line => line.Contains("standard output is not read: ", StringComparison.Ordinal));
        AssertCalm(daemon);
    }

    [Fact]
    public async Task DrainTimeout_ends_the_wait_of_a_connection_for_the_output()
    {
        await using DaemonProcess daemon = DaemonProcess.Start(
            new DaemonStart([.. Print, "--set", "Limits:DrainTimeout=00:00:00.3", "--set", "Limits:LingerTimeout=00:00:00"]) { HoldsStandardOutput = true });
        using LineSocket client = await daemon.ConnectAsync();
        byte[] lines = [.. Enumerable.Repeat(Encoding.ASCII.GetBytes(new string('x', 999) + "\n"), 40_000).SelectMany(line => line)];
        client.SendUntilStuck(lines);
        daemon.Send(Signal.Terminate);
        Assert.Equal(1, await daemon.ExitAsync());
        Assert.Single(daemon.Log.Lines, line => line.Contains("standard output is not read: ", StringComparison.Ordinal));
        AssertCalm(daemon);
    }

    [Theory]
    [InlineData("/dev/full", "No space left on device")]
    [InlineData("closed pipe", "Broken pipe")]
    public async Task An_output_that_fails_ends_the_server_with_one_clear_line(string output, string problem)
    {
        // The pipe's reader is gone before the daemon starts.
        string shell = output == "closed pipe"
            ? """exec {gone}> >(exec true); wait $!; exec "$0" "$@" 1>&$gone"""
            : """exec "$0" "$@" >/dev/full""";
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart(Print) { Through = ["bash", "-c", shell] });
        LineSocket[] clients = [.. await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => daemon.ConnectAsync()))];
        await Task.WhenAll(clients.Select(async client =>
        {
            await client.SendAsync("line\n");
            await client.ReadToEndAsync();
        }));
        Assert.Equal(1, await daemon.ExitAsync());
        Assert.Single(daemon.Log.Lines, line => line.EndsWith($"standard output cannot be written: {problem}; the server stops", StringComparison.Ordinal));
        AssertCalm(daemon);
        Array.ForEach(clients, client => client.Dispose());
    }

    [Fact]
    public async Task A_start_without_a_standard_output_fails_at_once_with_one_clear_line()
    {
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart(Print) { Through = ["bash", "-c", """exec "$0" "$@" >&-"""] });
        Assert.Equal(1, await daemon.ExitAsync());
        Assert.Equal(["lineserver: the handler 'print' needs a standard output, and it is closed"], daemon.Log.Lines);
    }

    [Theory]
    [InlineData("handlers")]
    [InlineData("check")]
    [InlineData("--help")]
    public async Task An_output_that_is_full_is_said_in_one_line(string command)
    {
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart(command) { Through = ["bash", "-c", """exec "$0" "$@" >/dev/full"""] });
        Assert.Equal(1, await daemon.ExitAsync());
        Assert.Equal(["lineserver: standard output cannot be written: No space left on device"], daemon.Log.Lines);
    }

    [Fact]
    public async Task A_file_that_the_log_goes_to_as_well_holds_both()
    {
        using var directory = new TemporaryDirectory();
        string socket = directory["print.sock"];
        using var notify = new NotifySocket(directory["notify"]);
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", $"unix:{socket}", "--handler", "print")
        {
            Through = ["sh", "-c", """exec "$0" "$@" >both.log 2>&1"""],
            WorkingDirectory = directory.Path,
            Environment = { ["NOTIFY_SOCKET"] = notify.Name },
        });
        await notify.ReceiveAsync();
        using LineSocket client = await LineSocket.ConnectAsync(new UnixDomainSocketEndPoint(socket));
        await client.SendAsync("one\ntwo\n");
        client.HalfClose();
        Assert.Equal("", await client.ReadToEndAsync());
        Assert.Equal(0, await daemon.StopAsync());
        string[] lines = await File.ReadAllLinesAsync(directory["both.log"], TestContext.Current.CancellationToken);
        Assert.Equal(6, lines.Length);
        Assert.All(["lineserver 0.1.0 serves", "endpoint print accepts on", "> one", "> two", "draining", "stopped"], text => Assert.Single(lines, line => line.Contains(text, StringComparison.Ordinal)));
    }

    private const string Hostile = "tab\tesc\x1b[31m bell\a nul\0 lf\n<0>forged csi\xc2\x9b[0m umlaut\xc3\xa4 turn\xe2\x80\xae back\\ invalid\xff";

    [Theory]
    [InlineData(false, "tab\tesc\\x1B[31m bell\\x07 nul\\x00 lf\\x0A<0>forged csi\\xC2\\x9B[0m umlaut\xc3\xa4 turn\\xE2\\x80\\xAE back\\\\ invalid\\xFF")]
    [InlineData(true, Hostile)]
    public async Task What_a_client_sent_is_escaped_and_raw_on_request(bool isRaw, string printed)
    {
        await using DaemonProcess daemon = DaemonProcess.Start(
            "--set", "Endpoints:print:Address=tcp://127.0.0.1:0", "--set", "Endpoints:print:Handler=print", "--set", "Framing:Delimiter=1", "--set", $"Endpoints:print:Raw={isRaw}");
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync($"{Hostile}\x01");
        client.HalfClose();
        Assert.Equal("", await client.ReadToEndAsync());
        Assert.Equal(0, await daemon.StopAsync());
        Assert.Equal($"{client.Socket.LocalEndPoint}> {printed}\n", await daemon.Output.ToEndAsync());
    }

    [Theory]
    [InlineData("$(stat -L -c %d:%i /proc/$$/fd/1)", "<6>")]
    [InlineData("8:1234", "")]
    public async Task Each_line_has_a_priority_if_journald_reads_them_so_that_a_client_cannot_forge_one(string stream, string priority)
    {
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart(Print) { Through = ["sh", "-c", $"""JOURNAL_STREAM={stream} exec "$0" "$@" """] });
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync("<0>emergency\n<1>alert\n");
        client.HalfClose();
        Assert.Equal("", await client.ReadToEndAsync());
        Assert.Equal(0, await daemon.StopAsync());
        string label = $"{priority}{client.Socket.LocalEndPoint}> ";
        Assert.Equal($"{label}<0>emergency\n{label}<1>alert\n", await daemon.Output.ToEndAsync());
    }

    private static void AssertCalm(DaemonProcess daemon) =>
        Assert.DoesNotContain(daemon.Log.Lines, line => line.Contains(" fail: ", StringComparison.Ordinal) || line.Contains("   at ", StringComparison.Ordinal) || line.Contains("Exception", StringComparison.Ordinal));
}
