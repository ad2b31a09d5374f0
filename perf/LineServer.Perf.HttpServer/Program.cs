using LineServer.Transports.Epoll;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

// HTTP plaintext as a minimal API, over Kestrel's sockets or ours, on the thread pool or inline.
//   httpserver PORT epoll|sockets [inline]
WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
builder.Logging.ClearProviders();
bool isInline = args is [_, _, "inline"];
if (args[1] == "epoll")
{
    builder.Services.AddEpollTransport(options => options.UnsafePreferInlineScheduling = isInline);
}
else
{
    builder.Services.Configure<SocketTransportOptions>(options => options.UnsafePreferInlineScheduling = isInline);
}

builder.WebHost.UseUrls($"http://127.0.0.1:{args[0]}");
WebApplication app = builder.Build();
app.MapGet("/plaintext", () => "Hello, World!");
await app.RunAsync();
