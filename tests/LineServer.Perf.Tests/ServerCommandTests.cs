using LineServer.Perf.Servers;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests;

public class ServerCommandTests
{
    private static readonly Workload Remote = new(
        "remote", WorkloadKind.ClosedLoop, Connections: 1, Window: 8, LineSize: 32)
    {
        Handler = ServerHandler.AwaitRemote,
    };
    private static readonly Workload Concurrent = Remote with { ConcurrentLines = 8 };
    private static readonly ServerCommand Server = new("mine", "./mine --port {port} --handler {handler}")
    {
        Handlers = [ServerHandler.Echo, ServerHandler.AwaitRemote],
        ConcurrencyOption = "--at-once",
    };

    [Fact]
    public void The_options_of_a_workload_are_added_only_for_it()
    {
        Assert.Equal("./mine --port 7 --handler echo", Server.For(7));
        Assert.Equal("./mine --port 7 --handler echo", Server.For(7, Remote with { Handler = ServerHandler.Echo }));
        Assert.Equal("./mine --port 7 --handler await-remote --redis 9", Server.For(7, Remote, redisPort: 9));
        Assert.Equal(
            "./mine --port 7 --handler await-remote --redis 9 --at-once 8", Server.For(7, Concurrent, redisPort: 9));
    }

    [Fact]
    public void A_server_that_lacks_what_a_workload_needs_says_what()
    {
        Assert.Null(Server.WhyNot(Concurrent));
        ServerCommand inTurn = Server with { ConcurrencyOption = null };
        Assert.Null(inTurn.WhyNot(Remote));
        Assert.Equal("handles one line of a connection at a time", inTurn.WhyNot(Concurrent));
        Assert.Equal("has no await-remote mode", ServerCommand.Parse("other=./other --port {port}").WhyNot(Remote));
    }
}
