using System.Net;
using LineServer.Peers.KestrelPipelines;
using Microsoft.AspNetCore.Connections;

const int Backlog = 4_096;

if (args is not ["--port", string text, .. [] or ["--handler", "echo" or "discard"]] || !int.TryParse(text, out int port))
{
    await Console.Error.WriteLineAsync("usage: kestrel-pipelines --port N [--handler echo|discard]");
    return 2;
}

bool discards = args[^1] == "discard";

// Kestrel as it comes, but for the backlog (512) and its log. It sets TCP_NODELAY by itself, and the runtime raises the limit of descriptors.
WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.WebHost.UseSockets(options => options.Backlog = Backlog);
builder.WebHost.ConfigureKestrel(options => options.Listen(
    IPAddress.Loopback, port, listen => _ = discards ? listen.UseConnectionHandler<LineDiscard>() : listen.UseConnectionHandler<LineEcho>()));
await using WebApplication server = builder.Build();
await server.RunAsync();
return 0;
