using System.Net;
using System.Net.Sockets;

namespace LineServer.Perf.Tests;

/// <summary>A line echo server in this process, as wrong as a test wants it: a thread a connection, one write for the lines of a read.</summary>
internal sealed class EchoServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<int, byte[], IEnumerable<byte[]>> _reply;
    private readonly List<TcpClient> _clients = [];

    /// <param name="reply">From a line, with its LF, and its number in its connection to what is sent; null closes the connection.</param>
    public EchoServer(Func<int, byte[], IEnumerable<byte[]>?> reply)
    {
        _reply = (number, line) => reply(number, line) ?? throw new IOException("the test closes the connection");
        _listener.Start();
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndpoint;

    public static IEnumerable<byte[]> Same(int number, byte[] line) => [line];

    public void Dispose()
    {
        _listener.Stop();
        lock (_clients)
        {
            _clients.ForEach(client => client.Dispose());
        }
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                TcpClient client = _listener.AcceptTcpClient();
                lock (_clients)
                {
                    _clients.Add(client);
                }

                new Thread(() => Serve(client)) { IsBackground = true }.Start();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Disposed.
        }
    }

    private void Serve(TcpClient client)
    {
        try
        {
            using NetworkStream stream = client.GetStream();
            byte[] read = new byte[64 * 1024];
            List<byte> partial = [];
            int number = 0;
            while (stream.Read(read) is int got and > 0)
            {
                using var output = new MemoryStream();
                foreach (byte b in read.AsSpan(0, got))
                {
                    partial.Add(b);
                    if (b == '\n')
                    {
                        foreach (byte[] reply in _reply(number++, [.. partial]))
                        {
                            output.Write(reply);
                        }

                        partial.Clear();
                    }
                }

                stream.Write(output.ToArray());
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or InvalidOperationException)
        {
            client.Dispose();
        }
    }
}
