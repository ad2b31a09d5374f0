using System.Diagnostics;
using System.Net;
using LineServer.Transports.Epoll;
using LineServer.Transports.Server;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

// An echo server on the epoll transport, in a process that may have few descriptors: one argument, ReservedDescriptors.
// Prints its port. To each line of standard input, a number N, it answers as soon as accepting has backed off N times, with how often it has, the
// milliseconds since the start, and how many of these it has used the CPU. Ends with its input.
await WarmUp.StartThreadsAsync();
await WarmUp.BackOffAsync();
using var backOffs = new BackOffCount();
await using var transport = new EpollTransportFactory(
    Options.Create(new EpollTransportOptions { LoopCount = 1, ReservedDescriptors = int.Parse(args[0]) }), NullLoggerFactory.Instance);
await using IConnectionListener listener = await transport.BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
Task accepting = EchoConnections.AcceptAsync(listener);
_ = accepting.ContinueWith(
    failed =>
    {
        // An accept loop must not die in silence.
        Console.Error.WriteLine(failed.Exception);
        Environment.Exit(1);
    },
    CancellationToken.None,
    TaskContinuationOptions.OnlyOnFaulted,
    TaskScheduler.Default);
Console.WriteLine(((IPEndPoint)listener.EndPoint).Port);
var clock = Stopwatch.StartNew();
while (await Console.In.ReadLineAsync() is { } line)
{
    long count = await backOffs.ReachAsync(long.Parse(line));
    // getrusage(2): it needs no descriptor, as /proc would.
    Console.WriteLine($"{count} {clock.ElapsedMilliseconds} {(long)Environment.CpuUsage.TotalTime.TotalMilliseconds}");
}

await listener.UnbindAsync();
await accepting;
