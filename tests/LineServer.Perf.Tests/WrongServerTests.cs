using LineServer.Perf.Servers;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests;

/// <summary>perf/checks/wrong-server.sh does this with one line in 10 million.</summary>
public class WrongServerTests
{
    private const int Every = 100_000;

    [Theory]
    [InlineData("Drop", "one was lost, or they are out of order")]
    [InlineData("Swap", "one was lost, or they are out of order")]
    [InlineData("Flip", "a byte is wrong")]
    public void One_wrong_line_in_a_hundred_thousand_is_caught(string fault, string problem)
    {
        using var server = new WrongServer(port: 0, Enum.Parse<Fault>(fault), Every);
        new Thread(server.Serve) { IsBackground = true }.Start();
        var run = new WorkloadRun(Load.TargetAddress.Of(server.EndPoint), process: null) { WarmUp = TimeSpan.Zero, Time = TimeSpan.FromMinutes(1) };
        string message = Assert.Throws<RunFailedException>(() => run.Measure(new Workload("test", WorkloadKind.ClosedLoop, Connections: 50, Window: 64, LineSize: 32))).Message;
        Assert.Contains("expected '", message);
        Assert.Contains("got '", message);
        Assert.Contains(problem, message);
        Assert.InRange(server.Faults, 1, 2); // A second one may be on its way when the first is found.
    }
}
