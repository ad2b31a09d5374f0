using System.Diagnostics;
using System.Net.Sockets;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>Nobody reads standard error: a stalled journal, a pipe, or a terminal under Ctrl-S.</summary>
public sealed class BlockedLogTests : IDisposable
{
    private const int Clients = 1500;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_log_that_nobody_reads_holds_up_neither_the_service_nor_the_stop()
    {
        using var notify = new NotifySocket(_directory["notify"]);
        await using DaemonProcess daemon = StartWithFullPipe(notify);
        await notify.ReceiveAsync();
        await SendOversizeLinesAsync(Clients);
        await AssertEchoesAsync(_directory["s"]);
        var stop = Stopwatch.StartNew();
        daemon.Send(Signal.Terminate);
        Assert.Equal(0, await daemon.StatusAsync());
        // DrainTimeout, plus a second.
        Assert.InRange(stop.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(11));
    }

    [Fact]
    public async Task Messages_that_did_not_fit_are_counted_and_told_when_the_log_is_read_again()
    {
        // Three lines with the addresses, one with all the names, and three about lines that are too long: 2.7 MB. The log
        // buffers a mebibyte, and its thread may have taken another before it found the pipe full.
        string names = string.Join(',', Enumerable.Range(0, 3).Select(i => $$"""
            "{{new string((char)('a' + i), 300_000)}}": { "Address": "unix:{{_directory[$"{i}"]}}" }
            """));
        string file = _directory.Write("a.json", $$"""{ "LineServer": { "Endpoints": { {{names}} } } }""");
        using var notify = new NotifySocket(_directory["notify"]);
        await using DaemonProcess daemon = DaemonProcess.Start(FullPipe("--config", file, "--set", "Limits:MaxLineSize=5") with { Environment = new(StringComparer.Ordinal) { ["NOTIFY_SOCKET"] = notify.Name } });
        await notify.ReceiveAsync();
        for (int i = 0; i < 3; i++)
        {
            await SendOversizeLineAsync(_directory[$"{i}"]);
        }

        daemon.Send(Signal.Terminate);
        await notify.ReceiveAsync();
        string told = await daemon.Log.FirstAsync("LineServer.Log[1] messages dropped: ");
        Assert.Matches(@"dropped: [1-9] \(standard error was not read, or could not be written\)", told);
        Assert.Equal(0, await daemon.ExitAsync());
    }

    [Theory]
    [InlineData("2>&-")]
    [InlineData("2>/dev/full")]
    [InlineData("2>&$gone")]
    public async Task A_log_that_cannot_be_written_changes_nothing(string error)
    {
        // $gone is a pipe without a reader.
        string shell = $$"""exec {gone}> >(exec true); wait $!; exec "$0" "$@" {{error}}""";
        using var notify = new NotifySocket(_directory["notify"]);
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", $"unix:{_directory["s"]}", "--set", "Limits:MaxLineSize=5")
        {
            Through = ["bash", "-c", shell],
            Environment = { ["NOTIFY_SOCKET"] = notify.Name, ["Logging__LogLevel__Default"] = "Trace" },
        });
        await notify.ReceiveAsync();
        await SendOversizeLinesAsync(count: 50);
        await AssertEchoesAsync(_directory["s"]);
        daemon.Send(Signal.Terminate);
        Assert.Equal(0, await daemon.StatusAsync());
    }

    [Fact]
    public async Task An_error_of_the_start_ends_it_although_nobody_reads_it()
    {
        await using DaemonProcess daemon = DaemonProcess.Start(FullPipe("--set", "Bogus=1"));
        Assert.Equal(78, await daemon.StatusAsync());
    }

    private DaemonProcess StartWithFullPipe(NotifySocket notify)
    {
        DaemonStart start = FullPipe("--listen", $"unix:{_directory["s"]}", "--set", "Limits:MaxLineSize=5");
        return DaemonProcess.Start(start with { Environment = new(StringComparer.Ordinal) { ["NOTIFY_SOCKET"] = notify.Name, ["Logging__LogLevel__Default"] = "Trace", ["Logging__LogLevel__Microsoft.AspNetCore"] = "Trace" } });
    }

    // The pipe holds 64 KiB, and is full before the daemon writes its first line.
    private static DaemonStart FullPipe(params string[] arguments) => new(arguments)
    {
        Through = ["sh", "-c", """head -c 65536 /dev/zero >&2; exec "$0" "$@" """],
        HoldsStandardError = true,
    };

    // At once: each connection lingers for a moment before it is closed.
    private Task SendOversizeLinesAsync(int count) => Parallel.ForAsync(
        0, count, new ParallelOptions { MaxDegreeOfParallelism = 250 }, async (_, _) => await SendOversizeLineAsync(_directory["s"]));

    private static async Task SendOversizeLineAsync(string path)
    {
        using LineSocket client = await LineSocket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        await client.SendAsync("a line that is too long\n");
        Assert.Equal("", await client.ReadToEndAsync());
    }

    private static async Task AssertEchoesAsync(string path)
    {
        using LineSocket client = await LineSocket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        await client.SendAsync("hello\n");
        Assert.Equal("hello", await client.ReadLineAsync());
    }
}
