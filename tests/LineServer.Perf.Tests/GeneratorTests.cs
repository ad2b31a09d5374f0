using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using LineServer.Perf.Generators;
using LineServer.Perf.Linux;
using LineServer.Perf.Load;
using LineServer.Perf.Servers;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests;

/// <summary>The generator: what it allocates, and how several share the connections.</summary>
public class GeneratorTests
{
    private static readonly Workload Closed = new("test", WorkloadKind.ClosedLoop, Connections: 7, Window: 2, LineSize: 32);

    [Theory]
    [InlineData("ClosedLoop", 1)]
    [InlineData("ClosedLoop", 64)]
    [InlineData("OpenLoop", 4)]
    [InlineData("Ingest", 1)]
    public void The_steady_loop_allocates_nothing(string kindName, int window)
    {
        WorkloadKind kind = Enum.Parse<WorkloadKind>(kindName);
        using var server = new EchoServer(kind == WorkloadKind.Ingest ? (_, _) => [] : EchoServer.Same);
        using var connections = new ConnectionSet(server.Address, 4, LineSizes.Mixed(8, 500), TimeSpan.FromSeconds(10));
        if (kind != WorkloadKind.Ingest)
        {
            connections.Open();
        }

        connections.Connect(4);
        var closed = new ClosedLoop(connections, window);
        var open = kind == WorkloadKind.OpenLoop ? new OpenLoop(connections, window, rate: 2000) : null;
        var oneWay = new OneWayLoop(connections);
        Work(0.1);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Work(0.1);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Work(double seconds)
        {
            long until = Clock.Now + (long)(seconds * 1e9);
            switch (kind)
            {
                case WorkloadKind.ClosedLoop:
                    closed.Run(until);
                    break;
                case WorkloadKind.OpenLoop:
                    open!.Run(until);
                    break;
                default:
                    oneWay.Run(until);
                    break;
            }
        }
    }

    [Fact]
    public void A_connection_has_48_bytes_of_state()
    {
        Assert.Equal(48, Unsafe.SizeOf<Connection>());
        Assert.Equal(32, Unsafe.SizeOf<Cycle>());
    }

    [Theory]
    [InlineData("ClosedLoop")]
    [InlineData("OpenLoop")]
    public void Two_processes_are_measured_as_one(string kindName)
    {
        WorkloadKind kind = Enum.Parse<WorkloadKind>(kindName);
        long lines = 0;
        using var server = new EchoServer((_, line) =>
        {
            Interlocked.Increment(ref lines);
            return [line];
        });
        Measurement measured = Run(server, Closed with { Kind = kind, Rate = kind == WorkloadKind.OpenLoop ? 500 : 0 }, generators: 2);
        Assert.Equal(7, server.Accepted);
        Assert.Equal(["127.0.0.1", "127.0.0.2"], server.ClientAddresses.Select(address => address.ToString()).Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.InRange(measured.Lines, 1, Interlocked.Read(ref lines));
        Assert.InRange(measured.FromSent!.Count, 1, Interlocked.Read(ref lines));
        Assert.Equal(kind == WorkloadKind.OpenLoop, measured.FromDue is not null);
        Assert.Equal(2, measured.Generators);
        Assert.True(measured.GeneratorCpuSeconds > 0);
    }

    [Fact]
    public void Idle_connections_are_divided_too()
    {
        using var server = new EchoServer(EchoServer.Same);
        Workload idle = Closed with { Kind = WorkloadKind.Idle, Connections = 9, Steps = [3, 9] };
        Measurement measured = Run(server, idle, generators: 2, Environment.ProcessId);
        Assert.Equal(0, server.Accepted % 9); // The connections of the warm-up count, too.
        Assert.InRange(server.Accepted / 9, SteadyCost.Least + 1, SteadyCost.Most + 1);
        Assert.Equal([3, 9], measured.IdleSteps!.Select(step => step.Connections));
    }

    [Fact]
    public void A_wrong_reply_in_another_process_says_which_connection_of_all()
    {
        // Of seven connections, the second process has those from number 4 on.
        using var server = new EchoServer((number, line) =>
        {
            line[20] ^= (byte)(number == 50 && line[7] == 'F' ? 1 : 0);
            return [line];
        });
        Assert.Contains("generator 2: connection 5, line 50, byte 20: expected '", Assert.Throws<RunFailedException>(() => Run(server, Closed, generators: 2)).Message);
    }

    [Fact]
    public void There_are_as_many_processes_as_connections_need_descriptors()
    {
        Assert.Equal(1, GeneratorGroup.Needed(100));
        Assert.True(GeneratorGroup.Needed(1_000_000_000) > 1);
    }

    [Fact]
    public async Task Where_descriptors_are_few_the_connections_are_divided_without_being_asked()
    {
        using var server = ServerProcess.Start(BuiltInServers.Find("c-epoll", []), Cores.Parse("--server-cpus", "0"));
        using Process run = Process.Start(new ProcessStartInfo(
            "sh", ["-c", $"ulimit -n 600; exec '{AppContext.BaseDirectory}/lineperf' run --port {server.EndPoint.Port} --connections 700 --seconds 1 --warmup 0 --json"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        })!;
        string output = await run.StandardOutput.ReadToEndAsync();
        await run.WaitForExitAsync();
        Assert.Equal(0, run.ExitCode);
        using var measured = JsonDocument.Parse(output);
        Assert.Equal(2, measured.RootElement.GetProperty("generators").GetInt32());
        Assert.True(measured.RootElement.GetProperty("lines").GetInt64() > 0);
    }

    [Fact]
    public async Task Generators_end_with_the_process_that_started_them_though_it_is_killed_in_the_middle()
    {
        long lines = 0;
        using var server = new EchoServer((_, line) =>
        {
            Interlocked.Increment(ref lines);
            return [line];
        });
        using Process run = Process.Start(
            Path.Combine(AppContext.BaseDirectory, "lineperf"),
            ["run", "--port", $"{server.EndPoint.Port}", "--connections", "4", "--generators", "2", "--seconds", "600", "--warmup", "0"]);
        Assert.True(SpinWait.SpinUntil(() => Interlocked.Read(ref lines) > 1000, TimeSpan.FromSeconds(60)), "they did not begin");
        Process[] generators = [.. Directory.GetDirectories($"/proc/{run.Id}/task")
            .SelectMany(task => File.ReadAllText($"{task}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Select(child => Process.GetProcessById(int.Parse(child, CultureInfo.InvariantCulture)))];
        Assert.Equal(2, generators.Length);
        run.Kill();
        await run.WaitForExitAsync();
        Assert.All(generators, generator => Assert.True(generator.WaitForExit(TimeSpan.FromSeconds(20)), "it has outlived it"));
    }

    [Fact]
    public void What_one_process_does_is_not_divided()
    {
        using var server = new EchoServer(EchoServer.Same);
        Assert.Contains("runs in one process only", Assert.Throws<UsageException>(() => Run(server, Closed with { Kind = WorkloadKind.Churn }, generators: 2)).Message);
    }

    private static Measurement Run(EchoServer server, Workload workload, int generators, int? process = null) =>
        new WorkloadRun(server.Address, process)
        {
            WarmUp = TimeSpan.FromSeconds(0.1),
            Time = TimeSpan.FromSeconds(0.5),
            Generators = generators,
            SettleTime = TimeSpan.FromSeconds(0.01),
        }.Measure(workload);
}
