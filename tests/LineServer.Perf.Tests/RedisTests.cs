using LineServer.Perf.Linux;
using LineServer.Perf.Servers;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests;

public class RedisTests
{
    private static readonly Workload Remote = new(
        "remote", WorkloadKind.ClosedLoop, Connections: 1, Window: 1, LineSize: 32)
    {
        Handler = ServerHandler.AwaitRemote,
    };

    [Fact]
    public void Without_Redis_the_error_names_the_command_that_builds_it()
    {
        var missing = new ServerCommand(
            "redis", "nowhere/redis --port {port}", "nowhere/redis", "perf/peers/build.sh redis");
        string message = Assert.Throws<RunFailedException>(
            () => Redis.StartFor(Remote, Cores.Parse("--generator-cpus", "0"), missing)).Message;
        Assert.StartsWith("the handler await-remote needs a Redis, which perf/peers/build.sh redis builds: ", message);
    }

    [Fact]
    public void A_workload_that_needs_no_Redis_starts_none() =>
        Assert.Null(
            Redis.StartFor(Remote with { Handler = ServerHandler.AwaitTask }, Cores.Parse("--generator-cpus", "0")));
}
