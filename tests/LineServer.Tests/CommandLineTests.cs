using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>Options, help and usage errors: exit status 0 or 2.</summary>
public class CommandLineTests
{
    public static TheoryData<string[], string> BadOptions => new()
    {
        { ["--bogus"], "Unrecognized command or argument '--bogus'." },
        { ["frobnicate"], "Unrecognized command or argument 'frobnicate'." },
        { ["@file"], "Unrecognized command or argument '@file'." },
        { ["--lisen", "tcp://localhost:7"], "Unrecognized command or argument '--lisen'; did you mean '--listen'?\nlineserver: Unrecognized command or argument 'tcp://localhost:7'." },
        { ["chek"], "Unrecognized command or argument 'chek'; did you mean 'check'?" },
        { ["check", "--confg"], "Unrecognized command or argument '--confg'; did you mean '--config'?" },
        { ["--listen"], "Required argument missing for option: '--listen'." },
        { ["--listen", "127.0.0.1:7"], "--listen: '127.0.0.1:7' is no address; write tcp://HOST:PORT, unix:PATH or systemd:NAME." },
        { ["--listen", "tcp://localhost"], "--listen: 'tcp://localhost' has no port; write tcp://HOST:PORT." },
        { ["--listen", "tcp://localhost:65536"], "--listen: 65536 is not a port; ports go from 0 (any) to 65535." },
        { ["--listen", "tcp://:7"], "--listen: 'tcp://:7' has no host; write tcp://HOST:PORT, * for every address." },
        { ["--listen", "tcp://::1:7"], "--listen: 'tcp://::1:7': an IPv6 address needs brackets: tcp://[::1]:7." },
        { ["--listen", "tcp://localhost:7", "--listen", "tcp://localhost:7"], "--listen: tcp://localhost:7 is given twice." },
        { ["--listen", "tcp://[::1]:7", "--listen", "tcp://[0:0::1]:7"], "--listen: tcp://[::1]:7 is given twice." },
        { ["--listen", "tcp://localhost:x", "run"], "--listen: 'tcp://localhost:x' has no port; write tcp://HOST:PORT." },
        { ["--handler", "eco"], "--handler: 'eco' is unknown; did you mean 'echo'?" },
        { ["--transport", "pigeon"], "--transport: 'pigeon' is unknown; there are: epoll, sockets" },
        { ["--set", "Limits:MaxLineSize"], "--set: 'Limits:MaxLineSize' is not KEY=VALUE." },
        { ["--config", "a", "--config", "b"], "Option '--config' expects a single argument but 2 were provided." },
        { ["--listen", "tcp://localhost:7", "check"], "--listen is not an option of 'check'." },
        { ["--handler", "print", "check"], "--handler is not an option of 'check'." },
        { ["--set", "a=b", "handlers"], "--set is not an option of 'handlers'." },
    };

    [Theory]
    [MemberData(nameof(BadOptions))]
    public async Task A_bad_option_is_said_in_a_line(string[] arguments, string problem) =>
        (await DaemonProcess.RunAsync(arguments)).AssertOneLine(2, $"lineserver: {problem}\nTry 'lineserver --help'.");

    [Fact]
    public async Task A_handler_for_nobody_is_an_error()
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Write("a.json", """
            { "LineServer": {
                "Endpoints": { "e": { "Address": "tcp://127.0.0.1:0" } } } }
            """);
        (await DaemonProcess.RunAsync("--config", file, "--handler", "print")).AssertOneLine(
            2, $"lineserver: --handler is for the endpoints of --listen; {file}:2 has endpoints of its own, and each names its handler.\nTry 'lineserver --help'.");
    }

    [Fact]
    public async Task Listen_replaces_the_endpoints_of_the_file_and_handler_is_theirs()
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Write("a.json", """{ "LineServer": { "Limits": { "MaxLineSize": 9 }, "Endpoints": { "e": { "Address": "tcp://127.0.0.1:0" } } } }""");
        await using DaemonProcess daemon = DaemonProcess.Start("run", "--config", file, "--listen", "tcp://127.0.0.1:0", "--handler", "delay");
        using LineSocket client = await daemon.ConnectAsync("delay");
        await client.SendAsync("0 1234567\n0 12345678\n");
        Assert.Equal("1234567\n", await client.ReadToEndAsync());
        Assert.Equal(0, await daemon.StopAsync());
        Assert.DoesNotContain(daemon.Log.Lines, line => line.Contains("endpoint e ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--help", "Serves newline-terminated lines")]
    [InlineData("-h", "--listen <ADDRESS>")]
    [InlineData("--version", "lineserver 0.")]
    [InlineData("handlers", "delay    answers \"<milliseconds> <text>\"")]
    public async Task What_was_asked_for_goes_to_standard_output(string argument, string text)
    {
        FinishedProcess finished = await DaemonProcess.RunAsync(argument);
        Assert.Contains(text, finished.Output, StringComparison.Ordinal);
        Assert.Equal("", finished.Error);
        Assert.Equal(0, finished.Status);
    }
}
