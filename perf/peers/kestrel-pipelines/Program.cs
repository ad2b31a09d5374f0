using System.Net;
using LineServer.Peers.KestrelPipelines;
using Microsoft.AspNetCore.Connections;

const int Backlog = 4_096;

if (args is not ["--port", string text, .. [] or ["--handler", "echo" or "discard" or "await-yield" or "await-task"]]
    || !int.TryParse(text, out int port))
{
    await Console.Error.WriteLineAsync(
        "usage: kestrel-pipelines --port N [--handler echo|discard|await-yield|await-task]");
    return 2;
}

// Kestrel's defaults, except for the backlog (512) and the log. Kestrel sets TCP_NODELAY, and the runtime raises
// the limit of descriptors.
WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.UseSockets(options => options.Backlog = Backlog);
builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, port, listen => _ = args[^1] switch
{
    "discard" => listen.UseConnectionHandler<LineDiscard>(),
    "await-yield" => listen.UseConnectionHandler<LineAwaitYield>(),
    "await-task" => listen.UseConnectionHandler<LineAwaitTask>(),
    _ => listen.UseConnectionHandler<LineEcho>(),
}));
await using WebApplication server = builder.Build();
await server.RunAsync();
return 0;
