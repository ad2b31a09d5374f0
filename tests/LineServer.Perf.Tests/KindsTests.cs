using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using LineServer.Perf.Linux;
using LineServer.Perf.Load;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests;

/// <summary>What each kind of work does, and what makes it fail.</summary>
public class KindsTests
{
    private static readonly Workload Ingest = new("test", WorkloadKind.Ingest, Connections: 3, Window: 1, LineSize: 32);
    private static readonly Workload Churn = new("test", WorkloadKind.Churn, Connections: 5, Window: 1, LineSize: 32);
    private static readonly Workload Idle = new("test", WorkloadKind.Idle, Connections: 20, Window: 1, LineSize: 32, Rate: 200) { Steps = [5, 10, 20], Active = 2 };

    private static readonly Workload SlowReaders = new("test", WorkloadKind.SlowReaders, Connections: 3, Window: 1, LineSize: 32)
    {
        SlowConnections = 2,
        SlowWindow = 20, // The kernel alone takes that many.
        SlowLineSize = 4096,
    };

    [Fact]
    public void Ingest_counts_the_lines_that_were_read_to_the_end()
    {
        long lines = 0;
        using var server = new EchoServer((_, _) =>
        {
            Interlocked.Increment(ref lines);
            return [];
        });
        Measurement measured = Run(server, Ingest);
        Assert.Equal(Interlocked.Read(ref lines), measured.Lines);
        Assert.Null(measured.FromSent);
    }

    [Fact]
    public void Ingest_fails_where_lines_are_answered()
    {
        using var server = new EchoServer(EchoServer.Same);
        Assert.Contains("should discard lines and send nothing", Fails(server, Ingest));
    }

    [Fact]
    public void Ingest_fails_where_a_connection_is_closed()
    {
        using var server = new EchoServer((number, _) => number == 1000 ? null : []);
        Assert.Matches("was closed by the server|was lost", Fails(server, Ingest));
    }

    [Fact]
    public void Ingest_fails_where_lines_are_not_read()
    {
        using var gate = new ManualResetEventSlim();
        using var server = new EchoServer((_, _) =>
        {
            gate.Wait();
            return [];
        });
        Assert.Contains("the server did not close it", Fails(server, Ingest));
        gate.Set();
    }

    [Fact]
    public void Churn_makes_a_connection_for_each_line()
    {
        using var server = new EchoServer((number, line) => number == 0 ? [line] : null);
        using var loop = new ChurnLoop(server.Address.FromLoopback(4), atOnce: 5, lineSize: 32, TimeSpan.FromSeconds(10));
        do
        {
            loop.Run(Clock.Now + 10_000_000);
        }
        while (loop.Completed < 20);

        loop.Finish();
        Assert.Equal(loop.Completed, server.Accepted);
        Assert.Equal(loop.Completed, loop.Latency.Count);
        Assert.Equal(4, server.ClientAddresses.Count);
    }

    [Fact]
    public void Churn_fails_where_a_reply_is_wrong()
    {
        using var server = new EchoServer((_, line) =>
        {
            line[20] ^= 1;
            return [line];
        });
        Assert.Contains("at place 0, byte 20: expected 'AAAAAAAAAAAAAAAAqrst", Fails(server, Churn with { Connections = 1 }));
    }

    [Fact]
    public void Churn_fails_where_a_reply_is_lost()
    {
        using var server = new EchoServer((_, _) => []);
        Assert.Contains("the reply was lost", Fails(server, Churn));
    }

    [Fact]
    public void Churn_fails_where_two_replies_come()
    {
        using var server = new EchoServer((_, line) => [line, line]);
        Assert.Contains("surplus bytes after its reply", Fails(server, Churn));
    }

    [Fact]
    public void Idle_connections_are_looked_at_in_steps_with_active_ones_beside_them()
    {
        using var server = new EchoServer(EchoServer.Same);
        Measurement measured = Run(server, Idle, Environment.ProcessId);
        Assert.Equal(Idle.Steps, measured.IdleSteps!.Select(step => step.Connections));
        Assert.All(measured.IdleSteps!, step => Assert.True(step.ResidentBytes > 0 && step.FromDue!.Count > 0));
        Assert.NotNull(measured.BytesPerConnectionSlope);
        Assert.Equal(measured.IdleSteps![^1].FromDue, measured.FromDue);
    }

    [Fact]
    public void Where_a_server_holds_no_more_connections_it_is_told_how_many_it_held()
    {
        int connections = 0;
        using var server = new EchoServer((number, line) => number == 0 && Interlocked.Increment(ref connections) > 12 ? null : [line]);
        Assert.Matches(
            "^it held 10 connections, with [-0-9,]+ bytes each; on the way to 20: connection 1[0-9] was ",
            Assert.Throws<RunFailedException>(() => Run(server, Idle with { Active = 0, Rate = 0 }, Environment.ProcessId)).Message);
    }

    [Fact]
    public void The_slope_is_that_of_the_best_straight_line()
    {
        Assert.Equal(500, IdleStep.Slope([new(100, 1_050_000, null), new(200, 1_100_000, null), new(1000, 1_500_000, null)])!.Value, 6);
        Assert.Equal(10, IdleStep.Slope([new(0, 0, null), new(1, 40, null), new(2, 20, null)])!.Value, 6);
        Assert.Null(IdleStep.Slope([new(100, 5, null)]));
    }

    [Fact]
    public void Slow_readers_read_in_the_end_and_every_byte_is_checked()
    {
        using var server = new EchoServer(EchoServer.Same);
        Measurement measured = Run(server, SlowReaders);
        Assert.NotNull(measured.WithoutSlowReaders);
        // The kernel decides how much it takes before nothing moves for a while.
        Assert.InRange(measured.UnreadBytes!.Value, 4096, 2 * 20 * 4096);
        using var wrong = new EchoServer((number, line) => line.Length == 4096 && number == 15 ? [] : [line]);
        Assert.Contains("line 15, byte", Fails(wrong, SlowReaders));
    }

    [Fact]
    public void Replies_that_only_drip_are_not_waited_for_for_ever()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var isOver = new ManualResetEventSlim();
        var dripping = new Thread(() =>
        {
            using Socket client = listener.AcceptSocket();
            byte[] some = new byte[1];
            while (!isOver.Wait(TimeSpan.FromMilliseconds(20)) && client.Receive(some) == 1)
            {
                _ = client.Send(some);
            }
        });
        dripping.Start();
        var workload = new Workload("test", WorkloadKind.ClosedLoop, Connections: 1, Window: 1, LineSize: 1000); // 20 s
        var run = new WorkloadRun(TargetAddress.Of((IPEndPoint)listener.LocalEndpoint), process: null) { WarmUp = TimeSpan.Zero, Time = TimeSpan.FromSeconds(0.1), ReplyTimeout = TimeSpan.FromSeconds(1) };
        RunFailedException failure = Assert.Throws<RunFailedException>(() => run.Measure(workload));
        isOver.Set();
        dripping.Join();
        Assert.Matches("^connection 0: replies arrive, but not all within .* s; 1 of 1 connections wait$", failure.Message);
    }

    [Fact]
    public void A_server_that_is_started_later_has_the_timer_slack_of_others()
    {
        string before = SlackOfChild();
        using var server = new EchoServer(EchoServer.Same);
        _ = Run(server, Churn);
        Assert.Equal(before, SlackOfChild());

        static string SlackOfChild()
        {
            using var child = Process.Start(new ProcessStartInfo("cat", "/proc/self/timerslack_ns") { UseShellExecute = false, RedirectStandardOutput = true })!;
            return child.StandardOutput.ReadToEnd();
        }
    }

    [Fact]
    public void A_load_is_a_part_of_the_capacity_that_was_measured_just_before()
    {
        using var server = new EchoServer(EchoServer.Same);
        var workload = new Workload("test", WorkloadKind.OpenLoop, Connections: 4, Window: 1, LineSize: 32) { Load = 0.25 };
        Measurement measured = Run(server, workload);
        Assert.True(measured.CapacityLinesPerSecond > 0);
        Assert.InRange(measured.FromDue!.Count, 1, (measured.CapacityLinesPerSecond!.Value * 0.25 * measured.Seconds * 1.1) + workload.Connections);
    }

    [Fact]
    public void Mixed_sizes_come_back_whole()
    {
        using var server = new EchoServer(EchoServer.Same);
        var workload = new Workload("test", WorkloadKind.ClosedLoop, Connections: 3, Window: 16, LineSize: 8) { MaxLineSize = 16 * 1024 };
        _ = Run(server, workload);
        Assert.True(Run(server, workload with { Kind = WorkloadKind.OpenLoop, Rate = 500 }).FromDue!.Count > 0);
    }

    [Theory]
    [InlineData(32)]
    [InlineData(4096)]
    public void Redis_answers_a_ping_with_the_same_numbers_at_the_same_place(int lineSize)
    {
        bool isWrong = false;
        using var server = new EchoServer((number, line) =>
        {
            string[] words = Encoding.ASCII.GetString(line).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal(["PING", words[^1]], words, StringComparer.Ordinal);
            return isWrong && number == 100 ? [] : [Encoding.ASCII.GetBytes($"${words[1].Length}\r\n{words[1]}\r\n")];
        });
        TargetAddress address = server.Address.Speaking(LineProtocol.RedisPing);
        var workload = new Workload("test", WorkloadKind.ClosedLoop, Connections: 2, Window: 4, lineSize);
        _ = new WorkloadRun(address, process: null) { WarmUp = TimeSpan.Zero, Time = TimeSpan.FromSeconds(0.2) }.Measure(workload);
        isWrong = true;
        var wrong = new WorkloadRun(address, process: null) { WarmUp = TimeSpan.Zero, Time = TimeSpan.FromMinutes(1) };
        Assert.Contains("that is line 101 of connection", Assert.Throws<RunFailedException>(() => wrong.Measure(workload)).Message);
    }

    [Fact]
    public void Redis_has_no_lines_that_are_too_short_or_mixed()
    {
        Assert.True(LineProtocol.RedisPing.Allows(LineSizes.Same(32)));
        Assert.False(LineProtocol.RedisPing.Allows(LineSizes.Same(22)));
        Assert.False(LineProtocol.RedisPing.Allows(LineSizes.Mixed(32, 100)));
    }

    private static string Fails(EchoServer server, Workload workload) => Assert.Throws<RunFailedException>(() => Run(server, workload, timeout: TimeSpan.FromSeconds(2))).Message;

    private static Measurement Run(EchoServer server, Workload workload, int? process = null, TimeSpan? timeout = null) =>
        new WorkloadRun(server.Address, process)
        {
            WarmUp = TimeSpan.Zero,
            Time = TimeSpan.FromSeconds(0.2),
            ReplyTimeout = timeout ?? TimeSpan.FromSeconds(10),
            SettleTime = TimeSpan.FromSeconds(0.01),
        }.Measure(workload);
}
