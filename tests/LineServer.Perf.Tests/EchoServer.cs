using System.Net;
using System.Net.Sockets;
using LineServer.Perf.Load;

namespace LineServer.Perf.Tests;

/// <summary>
/// A line echo server in this process, with the mistakes that a test wants. It has a thread per connection, and sends the
/// replies to the lines of a read in one write.
/// </summary>
internal sealed class EchoServer : IDisposable
{
    private readonly Socket _listener;
    private readonly Func<int, byte[], IEnumerable<byte[]>> _reply;
    private readonly List<Socket> _clients = [];
    private readonly HashSet<IPAddress> _clientAddresses = [];

    /// <param name="reply">
    /// Gets the number of a line in its connection and the line with its LF, and returns what is sent; null closes the
    /// connection.
    /// </param>
    /// <param name="at">The address to listen on; null for a free port of 127.0.0.1.</param>
    public EchoServer(Func<int, byte[], IEnumerable<byte[]>?> reply, EndPoint? at = null)
    {
        _reply = (number, line) => reply(number, line) ?? throw new IOException("the test closes the connection");
        at ??= new IPEndPoint(IPAddress.Loopback, 0);
        _listener = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(at);
        _listener.Listen(512);
        new Thread(Accept) { IsBackground = true }.Start();
    }

    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndPoint!;

    public TargetAddress Address => TargetAddress.Of(EndPoint);

    /// <summary>The number of connections accepted so far.</summary>
    public int Accepted
    {
        get
        {
            lock (_clients)
            {
                return _clients.Count;
            }
        }
    }

    /// <summary>Their source addresses.</summary>
    public IReadOnlyList<IPAddress> ClientAddresses
    {
        get
        {
            lock (_clients)
            {
                return [.. _clientAddresses];
            }
        }
    }

    public static IEnumerable<byte[]> Same(int number, byte[] line) => [line];

    public void Dispose()
    {
        _listener.Dispose();
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
                Socket client = _listener.Accept();
                lock (_clients)
                {
                    _clients.Add(client);
                    if (client.RemoteEndPoint is IPEndPoint from)
                    {
                        _clientAddresses.Add(from.Address);
                    }
                }

                new Thread(() => Serve(client)) { IsBackground = true }.Start();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Disposed.
        }
    }

    private void Serve(Socket client)
    {
        try
        {
            using var stream = new NetworkStream(client, ownsSocket: true);
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
