using System.Net;
using LineServer.Transports.Clients;

// echo SERVER FROM CONNECTIONS BYTES      all at once, each with as many bytes
// churn SERVER FROM CONNECTIONS LANES     connect, a few bytes, close
// Ends with status 0 and the line "ok" if every byte came back.
var server = IPEndPoint.Parse(args[1]);
var from = IPAddress.Parse(args[2]);
int connections = int.Parse(args[3]);
await (args[0] switch
{
    "echo" => EchoChecks.RunAsync(server, from, connections, long.Parse(args[4])),
    "churn" => EchoChecks.ConnectAndCloseAsync(server, from, connections, int.Parse(args[4])),
    _ => throw new NotSupportedException($"echo or churn, not {args[0]}"),
});
Console.WriteLine("ok");
