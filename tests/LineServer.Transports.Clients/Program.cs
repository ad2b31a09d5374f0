using System.Net;
using LineServer.Transports.Clients;

// echo SERVER FROM CONNECTIONS BYTES      all at once, each with as many bytes
// churn SERVER FROM CONNECTIONS LANES     connect, a few bytes, close
// starve SERVER FROM LOOPS 0              no client: a transport that lacks descriptors for its loops, in a process of its own
// Ends with status 0 and the line "ok" if every byte came back, or nothing was left.
var server = IPEndPoint.Parse(args[1]);
var from = IPAddress.Parse(args[2]);
int connections = int.Parse(args[3]);
await (args[0] switch
{
    "echo" => EchoChecks.RunAsync(server, from, connections, long.Parse(args[4])),
    "churn" => EchoChecks.ConnectAndCloseAsync(server, from, connections, int.Parse(args[4])),
    "starve" => StarvedTransport.RunAsync(server, connections),
    _ => throw new NotSupportedException($"echo, churn or starve, not {args[0]}"),
});
Console.WriteLine("ok");
