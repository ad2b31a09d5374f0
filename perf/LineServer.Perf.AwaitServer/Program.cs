using System.CommandLine;
using System.Net;
using LineServer.Handlers.Stored;
using LineServer.Hosting;
using LineServer.Perf.AwaitServer;
using LineServer.Transports.Epoll;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

// A line echo server whose handlers await or block: lineperf measures what waiting costs. And LS1 over a store that keeps
// nothing: what keeping costs.
var port = new Option<int>("--port")
{
    Description = "Listens on this port of 127.0.0.1.",
    DefaultValueFactory = _ => 7007,
};
var transport = new Option<string>("--transport")
{
    Description = "The transport.",
    DefaultValueFactory = _ => "epoll",
};
var handler = new Option<string>("--handler")
{
    Description = "What is done with each line before the reply.",
    DefaultValueFactory = _ => "await-yield",
};
var redis = new Option<int>("--redis")
{
    Description = "The port on 127.0.0.1 of the Redis that await-remote asks.",
    DefaultValueFactory = _ => 6379,
};
var maxConcurrentLines = new Option<int>("--max-concurrent-lines")
{
    Description = "Lines of a connection that a handler handles at once, at most.",
    DefaultValueFactory = _ => 1,
};
transport.AcceptOnlyFromAmong("epoll", "sockets");
handler.AcceptOnlyFromAmong(
    "echo", "at-once", "await-yield", "await-task", "await-remote", "reply-then-wait", "sleep", "sleep-delegate", "deadlock", "ls1");
var command = new RootCommand("A line echo server whose handlers await or block.")
{
    port, transport, handler, redis, maxConcurrentLines,
};
command.SetAction(async (parsed, cancellation) =>
{
    HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
    builder.Logging
        .AddFilter(level => level >= LogLevel.Warning)
        .AddSimpleConsole(console => console.SingleLine = true);
    if (parsed.GetValue(transport) == "epoll")
    {
        builder.Services.AddEpollTransport(options => options.MaxWriteBufferSize = 0);
    }

    if (parsed.GetValue(handler) == "await-remote")
    {
        var remote = new IPEndPoint(IPAddress.Loopback, parsed.GetValue(redis));
        ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync($"{remote}");
        builder.Services.AddSingleton(connection.GetServer(remote));
    }

    var shared = new Lazy<AcknowledgingEndpoint>(() => new(
        new AcknowledgementRepeater(TimeProvider.System),
        new NoStore(),
        new TokenCheck([]),
        new LineOptions().Limits.MaxLineSize,
        new OpeningLog(NullLogger.Instance, "ls1", TimeProvider.System)));
    var address = new IPEndPoint(IPAddress.Loopback, parsed.GetValue(port));
    builder.Services.AddLineServer(server => server.Listen(address, endpoint => _ = parsed.GetValue(handler) switch
    {
        "at-once" => endpoint.UseLines<AtOnce>(),
        "await-yield" => endpoint.UseLines<AwaitYield>(lines => lines.MaxConcurrentLines = parsed.GetValue(maxConcurrentLines)),
        "await-task" => endpoint.UseLines<AwaitTask>(),
        "reply-then-wait" => endpoint.UseLines<ReplyThenWait>(),
        "await-remote" => endpoint.UseLines<AwaitRemote>(
            lines => lines.MaxConcurrentLines = parsed.GetValue(maxConcurrentLines)),
        "sleep" => endpoint.UseLines<Sleep>(),
        "sleep-delegate" => endpoint.UseLines(SleepingDelegate()),
        "deadlock" => endpoint.UseLines<Deadlock>(),
        "ls1" => endpoint.UseLines(_ => new AcknowledgingHandler(shared.Value)),
        _ => endpoint.UseLines((in line, reply) => reply.WriteLine(line)),
    }));
    await builder.Build().RunAsync(cancellation);
});
return await command.Parse(args).InvokeAsync();

static LineDelegate SleepingDelegate()
{
    int lines = 0;
    return (in line, reply) =>
    {
        Sleep.SleepOn(ref lines);
        reply.WriteLine(line);
    };
}
