using LineServer.Perf.Load;
using LineServer.Perf.Reporting;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests;

/// <summary>The kind of work scale: what connections cost, by their number.</summary>
public class ScaleTests
{
    private static readonly Workload Scale = new("test", WorkloadKind.Scale, Connections: 20, Window: 1, LineSize: 32);

    [Fact]
    public void Connections_are_opened_held_and_used()
    {
        int connections = 0;
        using var server = new EchoServer((number, line) =>
        {
            _ = number == 0 ? Interlocked.Increment(ref connections) : 0;
            return [line];
        });
        Measurement measured = Run(server, Environment.ProcessId);

        // First the connections of the warm-up, which were closed; then these.
        Assert.Equal(0, connections % Scale.Connections);
        Assert.InRange(connections / Scale.Connections, SteadyCost.Least + 1, SteadyCost.Most + 1);
        Assert.True(measured.Lines > 0);
        Assert.True(measured.OpeningSeconds > 0);
        Assert.True(measured.ServerOpeningCpuSeconds > 0);
        Assert.NotNull(measured.BytesPerConnection);

        // The server has a thread per connection, in this process. Waiting for the next line is a context switch.
        Assert.True(measured.ServerSwitchesPerLine > 0);
    }

    [Fact]
    public void The_lines_are_those_from_nothing_under_way_to_nothing_under_way()
    {
        long lines = 0;
        using var server = new EchoServer((_, line) =>
        {
            Interlocked.Increment(ref lines);
            return [line];
        });
        Measurement measured = new WorkloadRun(TargetAddress.Of(server.EndPoint), Environment.ProcessId) { WarmUp = TimeSpan.Zero, Time = TimeSpan.FromSeconds(0.1) }
            .Measure(Scale with { Kind = WorkloadKind.ClosedLoop });

        // All but two lines of each connection: the first one, and the only one of a warm-up without time.
        Assert.Equal(Interlocked.Read(ref lines), measured.Lines + (2 * Scale.Connections));
    }

    [Fact]
    public void It_needs_the_process()
    {
        using var server = new EchoServer(EchoServer.Same);
        UsageException e = Assert.Throws<UsageException>(() => Run(server, process: null));
        Assert.Contains("--pid", e.Message);
    }

    [Fact]
    public void A_connection_that_is_closed_fails_the_run()
    {
        using var server = new EchoServer((number, line) => number == 1 ? null : [line]);
        RunFailedException e = Assert.Throws<RunFailedException>(() => Run(server, Environment.ProcessId));
        Assert.Matches("was closed by the server|was lost", e.Message);
    }

    [Fact]
    public void There_are_tables_for_such_workloads_only() => Assert.Empty(ScaleTables.Of(Reporting.ScaleTablesTests.Document with { Workloads = [] }));

    private static Measurement Run(EchoServer server, int? process) =>
        new WorkloadRun(TargetAddress.Of(server.EndPoint), process) { WarmUp = TimeSpan.FromSeconds(0.1), Time = TimeSpan.FromSeconds(0.2) }.Measure(Scale);
}
