using System.Net;
using LineServer.Peers.KestrelPipelines;
using Microsoft.AspNetCore.Connections;
using StackExchange.Redis;

const int Backlog = 4_096;

string[] handlers = ["echo", "discard", "await-yield", "await-task", "await-remote"];
WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
int port = builder.Configuration.GetValue<int>("port");
string handler = builder.Configuration.GetValue("handler", "echo")!;
if (port == 0 || !handlers.Contains(handler, StringComparer.Ordinal))
{
    await Console.Error.WriteLineAsync(
        $"usage: kestrel-pipelines --port N [--handler {string.Join('|', handlers)}] [--redis PORT] [--concurrency N]");
    return 2;
}

if (handler == "await-remote")
{
    var redis = new IPEndPoint(IPAddress.Loopback, builder.Configuration.GetValue("redis", 6379));
    ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync($"{redis}");
    builder.Services.AddSingleton(
        new LineAwaitRemote(connection.GetServer(redis), builder.Configuration.GetValue("concurrency", 1)));
}

// Kestrel's defaults, except for the backlog (512) and the log. Kestrel sets TCP_NODELAY, and the runtime raises
// the limit of descriptors.
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.UseSockets(options => options.Backlog = Backlog);
builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, port, listen => _ = handler switch
{
    "discard" => listen.UseConnectionHandler<LineDiscard>(),
    "await-yield" => listen.UseConnectionHandler<LineAwaitYield>(),
    "await-task" => listen.UseConnectionHandler<LineAwaitTask>(),
    "await-remote" => listen.UseConnectionHandler<LineAwaitRemote>(),
    _ => listen.UseConnectionHandler<LineEcho>(),
}));
await using WebApplication server = builder.Build();
await server.RunAsync();
return 0;
