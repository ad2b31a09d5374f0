using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>Senders that others wrote: what they were given is what is stored. docs/store.md has their configuration.</summary>
public sealed partial class RealSenderTests : IDisposable
{
    private const string Last = "the last one";

    private readonly StoreDirectory _store = new();
    private readonly TemporaryDirectory _directory = new();

    /// <summary>What the senders read. Control characters are data, but for LF.</summary>
    private static string[] Messages { get; } =
        [.. Enumerable.Range(1, 3000).Select(i => $"message {i} {new string('x', i % 200)}"), "tab\there, \x01 and \x1b, \xc3\xa4", "3 words first", Last];

    public void Dispose()
    {
        _directory.Dispose();
        _store.Dispose();
    }

    [Theory]
    [InlineData("traditional", "Lines")]
    [InlineData("traditional", "Auto")]
    [InlineData("octet-counted", "OctetCounted")]
    [InlineData("octet-counted", "Auto")]
    public async Task The_messages_of_rsyslog_are_stored(string framing, string mode)
    {
        SenderProgram rsyslog = SenderProgram.Find("rsyslogd", "imfile.so");
        // imfile writes \n for an LF within a message, unless it is told to leave it. Only counted messages may have one.
        (string escapes, string written) = framing == "octet-counted" ? ("off", "#012") : ("on", @"\n");
        string input = WriteInput(["a CR at its end\r", "two\n lines", .. Messages, "is held until another begins"]);
        await using DaemonProcess daemon = _store.Serve($"Endpoints:plain:Framing:Mode={mode}");
        await using SenderProcess sender = StartRsyslog(rsyslog, $"""
            input(type="imfile" file="{input}" tag="test:" startmsg.regex="^[^ ]" escapeLF="{escapes}")
            action(type="omfwd" target="127.0.0.1" port="{await PortAsync(daemon)}" protocol="tcp" TCP_Framing="{framing}"
                   template="RSYSLOG_SyslogProtocol23Format")
            """);
        await FollowAsync(daemon, sender, line => line.EndsWith(Last, StringComparison.Ordinal));
        await sender.StopAsync();
        Assert.Equal(0, await daemon.StopAsync());
        AssertStored("<133>1 TIME here test - - - ", ["a CR at its end\r", $"two{written} lines", .. Messages]);
    }

    [Fact]
    public async Task Rsyslog_goes_on_when_the_server_was_killed()
    {
        const int Count = 10_000;
        SenderProgram rsyslog = SenderProgram.Find("rsyslogd", "imfile.so");
        string input = WriteInput(Enumerable.Range(1, Count).Select(i => $"message {i}"));
        await using DaemonProcess first = _store.Serve();
        string port = await PortAsync(first);
        await using SenderProcess sender = StartRsyslog(rsyslog, $"""
            input(type="imfile" file="{input}" tag="test:")
            action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp"
                   queue.type="LinkedList" queue.workerThreads="1" queue.size="100000" queue.filename="forward" queue.saveOnShutdown="on"
                   action.resumeRetryCount="-1" action.resumeInterval="1")
            """);
        await FollowAsync(first, sender, line => line.EndsWith(" 100", StringComparison.Ordinal));
        first.Send(Signal.Killed);
        await first.StatusAsync();

        await using DaemonProcess second = DaemonProcess.Start(_store.Arguments("tcp://127.0.0.1:0", $"tcp://127.0.0.1:{port}"));
        // The first ones may all have been in the kernel's buffers, and are lost then.
        await File.AppendAllTextAsync(input, Text(Enumerable.Range(Count + 1, Count).Select(i => $"message {i}")), TestContext.Current.CancellationToken);
        await FollowAsync(second, sender, line => line.EndsWith($" {2 * Count}", StringComparison.Ordinal));
        await sender.StopAsync();
        Assert.Equal(0, await second.StopAsync());
        string[] stored = _store.Lines("plain").Split('\n')[..^1];
        Assert.All(stored, line => Assert.Matches("^<133>[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} here test: message [0-9]+$", line));
        int[] numbers = [.. stored.Select(line => int.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture))];
        TestContext.Current.SendDiagnosticMessage($"{2 * Count} messages, {numbers.Length} stored, {numbers.Distinct().Count()} of them different");
        Assert.Equal(numbers.Order(), numbers);
        Assert.Equal(numbers.Distinct(), numbers);
    }

    [Theory]
    [InlineData("network", "Lines")]
    [InlineData("network", "Auto")]
    [InlineData("syslog", "OctetCounted")]
    [InlineData("syslog", "Auto")]
    public async Task The_messages_of_syslog_ng_are_stored(string driver, string mode)
    {
        SenderProgram program = SenderProgram.Find("syslog-ng", "libafsocket.so");
        // Only syslog() counts: network() sends an LF within a message as it is.
        string[] first = driver == "syslog" ? ["two\n lines"] : [];
        string input = WriteInput([.. first, .. Messages, "is held until another begins"]);
        await using DaemonProcess daemon = _store.Serve($"Endpoints:plain:Framing:Mode={mode}");
        string configuration = _directory.Write("syslog-ng.conf", $$"""
            @version: {{Path.GetFileName(program.Modules)}}
            options { stats-freq(0); use-dns(no); };
            source input { file("{{input}}" flags(no-parse) multi-line-mode(indented) host-override("here") program-override("test")); };
            destination lineserver { {{driver}}("127.0.0.1" port({{await PortAsync(daemon)}}) transport("tcp")); };
            log { source(input); destination(lineserver); flags(flow-control); };

            """);
        await using var sender = SenderProcess.Start(
            program, "--foreground", "--no-caps", "--cfgfile", configuration, "--module-path", program.Modules,
            "--persist-file", _directory["persist"], "--pidfile", _directory["pid"], "--control", _directory["control"]);
        await FollowAsync(daemon, sender, line => line.EndsWith(Last, StringComparison.Ordinal));
        await sender.StopAsync();
        Assert.Equal(0, await daemon.StopAsync());
        if (driver == "syslog")
        {
            AssertStored("<13>1 TIME here test - - [meta sequenceId=\"NUMBER\"] ", ["two#012 lines", .. Messages]);
        }
        else
        {
            AssertStored("<13>TIME here test: ", Messages);
        }
    }

    [Theory]
    [InlineData("--octet-count", "OctetCounted")]
    [InlineData("--octet-count", "Auto")]
    [InlineData("--skip-empty", "Lines")]
    [InlineData("--skip-empty", "Auto")]
    public async Task The_messages_of_logger_are_stored(string option, string mode)
    {
        await using DaemonProcess daemon = _store.Serve($"Endpoints:plain:Framing:Mode={mode}");
        FinishedProcess logger = await Tool.RunAsync(
            "logger", ["--tcp", option, "--server", "127.0.0.1", "--port", await PortAsync(daemon), "--tag", "test", "--rfc5424=notq,nohost"], Text(Messages));
        Assert.Equal((0, ""), (logger.Status, logger.Error));
        await FollowAsync(daemon, null, line => line.EndsWith(Last, StringComparison.Ordinal));
        Assert.Equal(0, await daemon.StopAsync());
        AssertStored("<13>1 TIME - test - - - ", Messages);
    }

    [Fact]
    public async Task The_values_of_collectd_are_stored()
    {
        // More than collectd holds back: 1428 bytes.
        const int Directories = 30;
        SenderProgram collectd = SenderProgram.Find("collectd", "write_graphite.so");
        var plugin = new StringBuilder();
        for (int i = 0; i < Directories; i++)
        {
            string directory = Directory.CreateDirectory(_directory[$"d{i}"]).FullName;
            File.WriteAllText(Path.Combine(directory, "file"), new string('x', i));
            plugin.Append(CultureInfo.InvariantCulture, $"<Directory \"{directory}\">\nInstance \"d{i}\"\n</Directory>\n");
        }

        await using DaemonProcess daemon = _store.Serve();
        string configuration = _directory.Write("collectd.conf", $"""
            Hostname "here"
            FQDNLookup false
            Interval 0.5
            BaseDir "{_directory.Path}"
            PIDFile "{_directory["pid"]}"
            PluginDir "{collectd.Modules}"
            TypesDB "{collectd["usr/share/collectd/types.db"]}"
            LoadPlugin filecount
            LoadPlugin write_graphite
            <Plugin filecount>
            {plugin}</Plugin>
            <Plugin write_graphite>
              <Node "lineserver">
                Host "127.0.0.1"
                Port "{await PortAsync(daemon)}"
                Protocol "tcp"
              </Node>
            </Plugin>

            """);
        await using var sender = SenderProcess.Start(collectd, "-f", "-C", configuration);
        int seen = 0;
        await FollowAsync(daemon, sender, line => line.Contains($"-d{Directories - 1}.", StringComparison.Ordinal) && ++seen == 3);
        await sender.StopAsync();
        Assert.Equal(0, await daemon.StopAsync());
        string[] stored = _store.Lines("plain").Split('\n')[..^1];
        string[] expected = [.. Enumerable.Range(0, Directories).SelectMany(i => new[] { $"here.filecount-d{i}.files 1 TIME\r", $"here.filecount-d{i}.bytes {i} TIME\r" })];
        Assert.InRange(stored.Length, 2 * expected.Length, int.MaxValue);
        // Several of collectd's threads write, so neighbours may change places. Each line is whole.
        IEnumerable<string> kinds = stored.Select(line => Regex.Replace(line, "[0-9]{10}\r$", "TIME\r", RegexOptions.None, Guard.Timeout)).Distinct(StringComparer.Ordinal);
        Assert.Equal(expected.Order(StringComparer.Ordinal), kinds.Order(StringComparer.Ordinal));
    }

    private static string Text(IEnumerable<string> lines) => string.Concat(lines.Select(line => $"{line}\n"));

    private static async Task<string> PortAsync(DaemonProcess daemon) => (await daemon.EndPointAsync("plain")).Port();

    /// <summary>Waits until a line is stored.</summary>
    private static async Task FollowAsync(DaemonProcess daemon, SenderProcess? sender, Func<string, bool> isEnough)
    {
        using LineSocket reader = await daemon.ConnectAsync("readers");
        await reader.SendAsync("LR1 plain follow\n");
        Assert.StartsWith("OK ", await reader.ReadLineAsync(), StringComparison.Ordinal);
        Task reading = ReadAsync();
        await (sender?.UntilAsync(reading) ?? reading);

        async Task ReadAsync()
        {
            string? line;
            do
            {
                line = await reader.ReadLineAsync();
                Assert.NotNull(line);
            }
            while (!isEnough(line));
        }
    }

    private string WriteInput(IEnumerable<string> lines)
    {
        File.WriteAllText(_directory["input"], Text(lines), Encoding.Latin1);
        return _directory["input"];
    }

    private SenderProcess StartRsyslog(SenderProgram rsyslog, string rules)
    {
        string work = Directory.CreateDirectory(_directory["work"]).FullName;
        string configuration = _directory.Write("rsyslog.conf", $"""
            global(workDirectory="{work}" localHostname="here")
            main_queue(queue.workerThreads="1")
            module(load="imfile")
            {rules}

            """);
        return SenderProcess.Start(rsyslog, "-n", "-i", _directory["pid"], "-f", configuration, "-M", rsyslog.Modules);
    }

    private void AssertStored(string head, IEnumerable<string> messages)
    {
        string pattern = Regex.Escape(head)
            .Replace("TIME", @"([0-9]{4}-[^ ]+|[A-Z][a-z]{2}\ [ 0-9]{2}\ [0-9:]{8})", StringComparison.Ordinal)
            .Replace("NUMBER", "[0-9]+", StringComparison.Ordinal);
        string[] stored = _store.Lines("plain").Split('\n')[..^1];
        Assert.Equal(messages, stored.Select(line => Regex.Replace(line, $"^{pattern}", "", RegexOptions.None, Guard.Timeout)), StringComparer.Ordinal);
    }
}
