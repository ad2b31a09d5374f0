using LineServer.Perf.Load;
using LineServer.Perf.Work;

namespace LineServer.Perf.Servers;

/// <summary>The built-in servers. To add one, add it to the list.</summary>
internal static class BuiltInServers
{
    private const string Daemon = "src/LineServer/bin/Release/net10.0/lineserver.dll";

    private const string AwaitServer =
        "perf/LineServer.Perf.AwaitServer/bin/Release/net10.0/awaitserver.dll";

    private static readonly string[] Awaiting =
        [ServerHandler.Echo, ServerHandler.Discard, ServerHandler.AwaitYield, ServerHandler.AwaitTask];

    // Their handler await-remote can handle several lines of a connection at once.
    private static readonly string[] Asking = [.. Awaiting, ServerHandler.AwaitRemote];

    public static readonly ServerCommand[] All =
    [
        Peer("c-epoll"),
        LineServer("sockets", "--transport sockets"),
        LineServer("epoll", "--transport epoll"),
        Awaits("awaits-sockets", "sockets"),
        Awaits("awaits-epoll", "epoll"),
        Peer("c-uring"),
        Peer("libevent"),
        Peer("tokio") with { Handlers = Awaiting },
        Peer("tokio-codec"),
        Peer("rust-threads") with { Handlers = Awaiting },
        Peer("go") with { Handlers = Asking, ConcurrencyOption = "--concurrency" },
        Peer("netty") with { Handlers = Asking, ConcurrencyOption = "--concurrency" },
        Peer("kestrel-pipelines") with { Handlers = Asking, ConcurrencyOption = "--concurrency" },
        Peer("cs-threads"),
        Peer("cs-streamreader"),
        Peer("redis", options: "") with { Protocol = LineProtocol.RedisPing },
        Stores("ls1-synced", "--handler append --store '{directory}' --acknowledge", LineProtocol.Ls1),
        Stores(
            "ls1-written",
            "--handler append --acknowledge --set 'Stores:main:Directory={directory}' --set Stores:main:Durability=Written",
            LineProtocol.Ls1),
        Awaits("ls1-no-store", "epoll") with
        {
            Command = $"dotnet '{{root}}/{AwaitServer}' --port {{port}} --handler ls1",
            Handlers = [ServerHandler.Store],
            Protocol = LineProtocol.Ls1,
        },
        Stores("discard", "--handler discard", LineProtocol.OneWay),

        // Without rewrites of its file, which would take a part of its core.
        Peer("redis", options: " --dir '{directory}' --appendonly yes --appendfsync always --auto-aof-rewrite-percentage 0") with
        {
            Name = "redis-xadd",
            Handlers = [ServerHandler.Store],
            Protocol = LineProtocol.RedisXadd,
        },
        Peer("rsyslog", options: " --directory '{directory}'") with
        {
            Handlers = [ServerHandler.Store],
            Protocol = LineProtocol.OneWay,
            LinesFile = "lines.log",
        },
    ];

    /// <exception cref="UsageException">There is no server of this name.</exception>
    public static ServerCommand Find(string name, IEnumerable<ServerCommand> given) =>
        given.Concat(All).FirstOrDefault(server => server.Name == name)
        ?? throw new UsageException(
            $"there is no server '{name}'; there are: " +
            $"{string.Join(", ", given.Concat(All).Select(server => server.Name).Distinct(StringComparer.Ordinal))}");

    private static ServerCommand Peer(string name, string options = " --handler {handler}") =>
        new(
            name,
            $"'{{root}}/perf/peers/bin/{name}' --port {{port}}{options}",
            $"perf/peers/bin/{name}",
            $"perf/peers/build.sh {name}",
            BuiltOnUse: true)
        {
            VersionBy = $"perf/peers/version.sh {name}",
        };

    // Environment variables go before the command, as a user would set them: env KEY=VALUE.
    private static ServerCommand LineServer(string name, string options, string environment = "") => new(
        name,
        $"{(environment.Length > 0 ? $"env {environment} " : "")}dotnet '{{root}}/{Daemon}' --listen " +
        $"tcp://127.0.0.1:{{port}} --handler {{handler}} {options}",
        Daemon,
        "dotnet build src/LineServer/LineServer.csproj -c Release")
    {
        VersionBy = $"dotnet {Daemon} --version",
    };

    private static ServerCommand Stores(string name, string options, LineProtocol protocol) =>
        LineServer(name, "") with
        {
            Command = $"dotnet '{{root}}/{Daemon}' --listen tcp://127.0.0.1:{{port}} {options}",
            Handlers = [ServerHandler.Store],
            Protocol = protocol,
        };

    // Not the daemon: its handlers are LineHandlers, which await.
    private static ServerCommand Awaits(string name, string transport) => new(
        name,
        $"dotnet '{{root}}/{AwaitServer}' --port {{port}} --handler {{handler}} --transport {transport}",
        AwaitServer,
        "dotnet build perf/LineServer.Perf.AwaitServer/LineServer.Perf.AwaitServer.csproj -c Release")
    {
        Handlers = [ServerHandler.Echo, ServerHandler.AwaitYield, ServerHandler.AwaitTask, ServerHandler.AwaitRemote],
        ConcurrencyOption = "--max-concurrent-lines",
        VersionBy = $"dotnet {AwaitServer} --version",
    };
}
