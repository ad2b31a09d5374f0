using LineServer.Perf.Linux;
using LineServer.Perf.Load;
using LineServer.Perf.Servers;

namespace LineServer.Perf.Tests;

/// <summary>A short form of perf/checks/open-loop.sh.</summary>
public class StoppedServerTests
{
    [Fact]
    public void A_process_that_is_stopped_is_late_from_due_and_not_from_sent()
    {
        const int Connections = 50;
        const double Rate = 5000;
        const long Stopped = 300_000_000;
        using var server = ServerProcess.Start(BuiltInServers.Find("c-epoll", []), Cores.Parse("--server-cpus", "0"));
        using var connections = new ConnectionSet(TargetAddress.Of(server.EndPoint), Connections, LineSizes.Same(32), TimeSpan.FromSeconds(10));
        connections.Open();
        var loop = new OpenLoop(connections, window: 1, Rate);
        loop.Run(Clock.Now + Stopped);
        Assert.Equal(0, MeasuringCalls.Kill(server.Id, MeasuringCalls.SignalStop));
        loop.Run(Clock.Now + Stopped);
        Assert.Equal(0, MeasuringCalls.Kill(server.Id, MeasuringCalls.SignalContinue));
        loop.Run(Clock.Now + Stopped);
        loop.Finish();

        // A third of all lines were due while it was stopped; one of them waited all that time. Only 50 were in flight.
        Assert.True(loop.FromDue.Percentile(99) >= Stopped / 2, $"p99 from due {loop.FromDue.Percentile(99)} ns");
        Assert.True(loop.FromDue.Percentile(99) >= loop.FromSent.Percentile(90) * 2, $"p90 from sent {loop.FromSent.Percentile(90)} ns, p99 from due {loop.FromDue.Percentile(99)} ns");
        Assert.True(loop.FromSent.Max >= Stopped / 2, $"the longest from sent {loop.FromSent.Max} ns");
        Assert.InRange(loop.LateLines, Stopped * Rate / 1e9 / 2, loop.FromDue.Count);
    }
}
