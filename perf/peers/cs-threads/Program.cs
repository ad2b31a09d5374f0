using System.Net;
using System.Net.Sockets;
using LineServer.Peers.Threads;

const int Backlog = 4_096;

// Thousands of threads: each needs little, and only the pages that it touches are memory.
const int StackSize = 128 * 1024;

if (args is not ["--port", string text, .. [] or ["--handler", "echo" or "discard"]] || !int.TryParse(text, out int port))
{
    Console.Error.WriteLine("usage: cs-threads --port N [--handler echo|discard]");
    return 2;
}

bool discards = args[^1] == "discard";

// The runtime raises the limit of descriptors by itself.
var listener = new TcpListener(IPAddress.Loopback, port);
listener.Start(Backlog);
while (true)
{
    TcpClient client = listener.AcceptTcpClient();
    client.NoDelay = true;
    new Thread(() => LineEcho.Serve(client, discards), StackSize) { IsBackground = true }.Start();
}
