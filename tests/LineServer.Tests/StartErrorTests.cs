using System.Net.Sockets;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>
/// Any error at the start: one clear line and status 78, 2 or 1; never a stack trace or SIGABRT.
/// </summary>
public sealed class StartErrorTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    // The file's text, and the error line after the file's name.
    public static TheoryData<string, string> Files => new()
    {
        { """{ "LineServer": { "Endpoints": { "e": { "Address": "unix:/tmp/a\u0000b" } } } }""", @":1: LineServer:Endpoints:e:Address: 'unix:/tmp/a\x00b' is neither a path nor an abstract name" },
        { "{ \"LineServer\": { \"Endpoints\": { \"e\": { \"Address\": \"tcp://127.0.0.1:0\",\n\"Prefix\": \"\\ud800\" } } } }", ":2: a string holds half of a surrogate pair, which is no character" },
        { """{ "LineServer": { "\udc00": 1 } }""", ":1: a string holds half of a surrogate pair, which is no character" },
        { "{\n\"LineServer\": { \"Transport\": \"\u00ff\" } }", ":2: no valid UTF-8" },
        { """{ "LineServer": { "a\u001b[2J\u202e": 1 } }""", @":1: LineServer:a\x1B[2J\u202E: unknown key; there are: Endpoints, Epoll, Framing, Limits, Sockets, Stores, Transport" },
        { """{ "LineServer": 7 }""", ":1: LineServer: an object was expected" },
        { """{ "Logging": "Debug" }""", ":1: Logging: an object was expected" },
        { """{ "Logging": { "LogLevel": "Debug" } }""", ":1: Logging:LogLevel: an object was expected" },
        { """{ "Logging": { "LogLevel": { "Default": { "a": 1 } } } }""", ":1: Logging:LogLevel:Default: a single value was expected" },
        { """{ "Logging": { "Console": { "LogLevel": { "Default": "Loud" } } } }""", ":1: Logging:Console:LogLevel:Default: 'Loud' is not one of Trace, Debug, Information, Warning, Error, Critical, None" },
        { """{ "Logging": { "Console": { "FormatterName": "nonsense" } } }""", ":1: Logging:Console:FormatterName: unknown key; there are: LogLevel" },
        { """{ "Logging": { "Console": { "MaxQueueLength": -1 } } }""", ":1: Logging:Console:MaxQueueLength: unknown key; there are: LogLevel" },
        { """{ "Logging": { "Console": { "FormatterOptions": { "TimestampFormat": "%" } } } }""", ":1: Logging:Console:FormatterOptions: unknown key; there are: LogLevel" },
        { """{ "Logging": { "EventSource": { "LogLevel": { "Default": "Debug" } } } }""", ":1: Logging:EventSource: unknown key; there are: Console, LogLevel" },
        { """{ "LineServer": { "Epoll": { "LoopCount": 100000 } } }""", ":1: LineServer:Epoll:LoopCount: must be at most 1024, not 100000" },
        { """{ "LineServer": { "Epoll": { "ReadBudget": 2147483647 } } }""", ":1: LineServer:Epoll:ReadBudget: must be at most 1073741824, not 2147483647" },
        { """{ "LineServer": { "Limits": { "MaxReadBufferSize": 2147483647 } } }""", ":1: LineServer:Limits:MaxReadBufferSize: must be at most 1073741826, not 2147483647" },
        { """{ "LineServer": { "Limits": { "MaxWriteBufferSize": 2147483647 } } }""", ":1: LineServer:Limits:MaxWriteBufferSize: must be at most 1073741826, not 2147483647" },
        { """{ "LineServer": { "Limits": { "MailboxSize": 2147483647 } } }""", ":1: LineServer:Limits:MailboxSize: must be at most 1073741826, not 2147483647" },
        { """{ "LineServer": { "Limits": { "Backlog": 2147483647 } } }""", ":1: LineServer:Limits:Backlog: must be 1 to 1048576, not 2147483647" },
        { """{ "LineServer": { "Endpoints": { "e": { "Address": "unix:/tmp/a", "UnixSocketMode": "0999" } } } }""", ":1: LineServer:Endpoints:e:UnixSocketMode: '0999' is not a mode in octal, for instance 0660" },
        { """{ "LineServer": { "Endpoints": { "e": { "Address": "unix:/tmp/a", "UnixSocketGroup": "no such group" } } } }""", ":1: LineServer:Endpoints:e:UnixSocketGroup: 'no such group' is neither a group of this system nor a number" },
        { """{ "LineServer": { "Endpoints": { "e": { "Address": "unix:@a", "UnixSocketMode": "0600" } } } }""", ":1: LineServer:Endpoints:e:UnixSocketMode: unix:@a makes no file" },
        { """{ "LineServer": { "Endpoints": { "e": { "Address": "tcp://127.0.0.1:0", "Raw": true } } } }""", ":1: LineServer:Endpoints:e:Raw: the handler 'echo' has no such option" },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public async Task A_file_that_check_refuses_is_refused_by_run_in_the_same_line(string text, string problem)
    {
        string file = _directory["a.json"];
        // One byte per character, so that invalid UTF-8 can be written here.
        await File.WriteAllBytesAsync(file, System.Text.Encoding.Latin1.GetBytes(text), TestContext.Current.CancellationToken);
        foreach (string command in new[] { "check", "run" })
        {
            (await DaemonProcess.RunAsync(command, "--config", file)).AssertOneLine(78, $"lineserver: {file}{problem}");
        }
    }

    // A shell command in which "$0" is the daemon, the exit status, and the error line.
    public static TheoryData<string, int, string> Starts => new()
    {
        { """exec "$0" --set Limits:Backlog=1 --set limits:backlog=2""", 2, "--set: limits:backlog is given twice.\nTry 'lineserver --help'." },
        { """exec "$0" --set "$(printf 'a\033[2J')" """, 2, "--set: 'a\\x1B[2J' is not KEY=VALUE.\nTry 'lineserver --help'." },
        { """exec "$0" --config /dev/zero""", 78, "/dev/zero: the file is larger than 1048576 bytes" },
        { """mkdir gone; cd gone; rmdir ../gone; exec "$0" --listen unix:a""", 2, "--listen: the working directory is gone; 'unix:a' needs an absolute path.\nTry 'lineserver --help'." },
        { """mkdir gone; cd gone; rmdir ../gone; exec "$0" --config a.json""", 78, "a.json: the file cannot be read: it does not exist" },
        { """export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=x; exec "$0" --listen systemd:x 3</dev/null""", 1, "endpoint 'echo' cannot listen on systemd:x: descriptor 3 is not a socket" },
        { """exec "$0" check >&-""", 1, "standard output cannot be written: it is closed" },
        { """exec "$0" --version >&-""", 1, "standard output cannot be written: it is closed" },
        { """exec "$0" handlers >/dev/full""", 1, "standard output cannot be written: No space left on device" },
        { """ulimit -n 60; exec "$0" """, 1, "the limit of open files (RLIMIT_NOFILE, ulimit -n) is 60; a start needs 160" },
    };

    [Theory]
    [MemberData(nameof(Starts))]
    public async Task A_start_that_cannot_be_says_why_in_a_line(string shell, int status, string problem) =>
        (await DaemonProcess.RunAsync(Shell(shell))).AssertOneLine(status, $"lineserver: {problem}");

    [Theory]
    [InlineData("""exec "$0" --set Bogus=1 2>&-""", 78)]
    [InlineData("""exec "$0" --set Bogus=1 2>/dev/full""", 78)]
    [InlineData("""exec "$0" --bogus <&- >&- 2>&-""", 2)]
    public async Task The_exit_status_tells_where_no_line_can(string shell, int status) => Assert.Equal(status, (await DaemonProcess.RunAsync(Shell(shell))).Status);

    [Theory]
    [InlineData("""exec "$0" "$@" <&- >&- 2>&- """)]
    [InlineData("""exec "$0" "$@" </dev/full >/dev/full 2>/dev/full""")]
    [InlineData("""mkdir gone; cd gone; rmdir ../gone; exec "$0" "$@" """)]
    public async Task A_server_serves_without_standard_streams_and_without_a_working_directory(string shell)
    {
        using var notify = new NotifySocket(_directory["notify"]);
        await using DaemonProcess daemon = DaemonProcess.Start(
            Shell(shell) with { Arguments = ["--listen", $"unix:{_directory["s"]}"], Environment = new(StringComparer.Ordinal) { ["NOTIFY_SOCKET"] = notify.Name } });
        await notify.ReceiveAsync();
        using LineSocket client = await LineSocket.ConnectAsync(new UnixDomainSocketEndPoint(_directory["s"]));
        await client.SendAsync("hello\n");
        Assert.Equal("hello", await client.ReadLineAsync());
        Assert.Equal(0, await daemon.StopAsync());
    }

    [Theory]
    [InlineData("", @"^lineserver: unexpected error: InvalidOperationException: thrown on purpose \(LINESERVER_DEBUG=1 shows where\)$")]
    [InlineData("1", "^lineserver: unexpected error: .*InvalidOperationException: thrown on purpose .*at StartupHook")]
    public async Task An_exception_that_nobody_catches_is_one_line_on_any_thread(string debug, string line)
    {
        await Tool.RunAsync("mkfifo", _directory["throw"]);
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", "tcp://127.0.0.1:0")
        {
            Environment =
            {
                ["DOTNET_STARTUP_HOOKS"] = typeof(StartupHook).Assembly.Location,
                [StartupHook.Variable] = _directory["throw"],
                ["LINESERVER_DEBUG"] = debug,
            },
        });
        await daemon.Log.FirstAsync(" serves: ");
        await Tool.RunAsync("sh", "-c", $": > {_directory["throw"]}");
        Assert.Equal(1, await daemon.ExitAsync());
        Assert.Matches(line, daemon.Log.Lines[^1]);
        Assert.DoesNotContain(daemon.Log.Lines, other => other.StartsWith("Unhandled", StringComparison.Ordinal) || other.StartsWith("   at ", StringComparison.Ordinal));
    }

    private DaemonStart Shell(string shell) => new() { Through = ["bash", "-c", shell], WorkingDirectory = _directory.Path };
}
