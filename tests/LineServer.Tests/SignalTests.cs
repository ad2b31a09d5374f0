using System.Net.Sockets;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>
/// A signal at any moment, a start that hangs, repeated signals, and signals without a meaning.
/// </summary>
public sealed class SignalTests : IDisposable
{
    private const int KilledBySigterm = 128 + Signal.Terminate;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task SIGTERM_at_any_moment_of_the_start_ends_it_in_order()
    {
        const int Moments = 40;
        const int StepMs = 12;
        await Parallel.ForAsync(0, Moments, new ParallelOptions { MaxDegreeOfParallelism = 2 }, async (moment, _) =>
        {
            await using DaemonProcess daemon = DaemonProcess.Start("--listen", "tcp://127.0.0.1:0");
            // This delay is not a wait for an event: the moment of the signal is what is tested.
            await Task.Delay(moment * StepMs, TestContext.Current.CancellationToken);
            int status = await daemon.StopAsync();
            // Until the runtime has installed its handler, the signal kills the process.
            Assert.True(status is 0 or KilledBySigterm, $"after {moment * StepMs} ms: {status}, {string.Join('\n', daemon.Log.Lines)}");
            Assert.DoesNotContain(daemon.Log.Lines, line => line.Contains("Exception", StringComparison.Ordinal));
        });
    }

    [Fact]
    public async Task A_path_whose_owner_accepts_no_more_is_an_error_and_does_not_hang_the_start()
    {
        var endPoint = new UnixDomainSocketEndPoint(_directory["s"]);
        using var owner = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        owner.Bind(endPoint);
        owner.Listen(0);
        var waiting = new List<Socket>();
        try
        {
            while (TryConnect(endPoint) is { } client)
            {
                waiting.Add(client);
            }

            (await DaemonProcess.RunAsync("--listen", $"unix:{_directory["s"]}")).AssertOneLine(
                1, $"lineserver: endpoint 'echo' cannot listen on unix:{_directory["s"]}: another process listens on it");
        }
        finally
        {
            waiting.ForEach(client => client.Dispose());
        }
    }

    [Fact]
    public async Task SIGTERM_ends_a_start_that_waits_for_a_name_server()
    {
        // Replaces the C library's function by one that never returns, and that reports when it was called.
        string source = _directory.Write("hang.c", """
            #include <fcntl.h>
            #include <stdlib.h>
            #include <unistd.h>
            int getaddrinfo(const char *n, const char *s, const void *h, void **r) { close(open(getenv("ASKED"), O_WRONLY)); for (;;) pause(); }
            """);
        Assert.Equal(0, (await Tool.RunAsync("gcc", "-shared", "-fPIC", "-o", _directory["hang.so"], source)).Status);
        Assert.Equal(0, (await Tool.RunAsync("mkfifo", _directory["asked"])).Status);
        await using DaemonProcess daemon = DaemonProcess.Start(
            new DaemonStart("--listen", "tcp://localhost:0") { Environment = { ["LD_PRELOAD"] = _directory["hang.so"], ["ASKED"] = _directory["asked"] } });
        // Opening a FIFO waits for the other side.
        await Task.Run(() => File.OpenRead(_directory["asked"]).Dispose(), TestContext.Current.CancellationToken).Guarded();
        Assert.Equal(0, await daemon.StopAsync());
    }

    [Fact]
    public async Task SIGTERM_ends_a_start_whose_configuration_never_comes()
    {
        Assert.Equal(0, (await Tool.RunAsync("mkfifo", _directory["fifo"])).Status);
        await using DaemonProcess daemon = DaemonProcess.Start("--config", _directory["fifo"]);
        // The daemon has opened it for reading, and waits for data.
        await using FileStream writer = await Task.Run(() => new FileStream(_directory["fifo"], FileMode.Open, FileAccess.Write, FileShare.ReadWrite), TestContext.Current.CancellationToken).Guarded();
        Assert.Equal(0, await daemon.StopAsync());
    }

    [Fact]
    public async Task Two_signals_within_half_a_second_count_as_one()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("delay");
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync("0 there\n1500 answered\n");
        Assert.Equal("there", await client.ReadLineAsync());
        // Stopped meanwhile, so that it finds all of them at once, however long the sending takes.
        daemon.Send(Signal.Stop);
        daemon.Send(Signal.Terminate);
        daemon.Send(Signal.Interrupt);
        daemon.Send(Signal.Continue);
        Assert.Equal("answered\n", await client.ReadToEndAsync());
        Assert.Equal(0, await daemon.ExitAsync());
    }

    [Theory]
    [InlineData(Signal.User1, "SIGUSR1")]
    [InlineData(Signal.User2, "SIGUSR2")]
    [InlineData(Signal.Hangup, "SIGHUP")]
    public async Task A_signal_that_means_nothing_is_logged_and_does_no_harm(int signal, string name)
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("echo");
        using LineSocket client = await daemon.ConnectAsync();
        daemon.Send(signal);
        await daemon.Log.FirstAsync($"{name} ignored: ");
        await client.SendAsync("hello\n");
        Assert.Equal("hello", await client.ReadLineAsync());
        Assert.Equal(0, await daemon.StopAsync());
    }

    // Null: the queue is full, and a blocking connect would wait.
    private static Socket? TryConnect(UnixDomainSocketEndPoint endPoint)
    {
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            client.Connect(endPoint);
            return client;
        }
        catch (SocketException)
        {
            client.Dispose();
            return null;
        }
    }
}
