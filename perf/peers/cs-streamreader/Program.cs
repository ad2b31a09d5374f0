using System.Net;
using System.Net.Sockets;
using LineServer.Peers.StreamReaders;

const int Backlog = 4_096;

if (args is not ["--port", string text, .. [] or ["--handler", "echo" or "discard"]] || !int.TryParse(text, out int port))
{
    await Console.Error.WriteLineAsync("usage: cs-streamreader --port N [--handler echo|discard]");
    return 2;
}

bool discards = args[^1] == "discard";

// The runtime raises the limit of descriptors by itself.
var listener = new TcpListener(IPAddress.Loopback, port);
listener.Start(Backlog);
while (true)
{
    TcpClient client = await listener.AcceptTcpClientAsync();
    client.NoDelay = true;
    _ = LineEcho.ServeAsync(client, discards);
}
