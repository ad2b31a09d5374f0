using System.Net;
using System.Net.Sockets;

namespace LineServer.Client.Tests;

/// <summary>
/// A small server of a test: its handler gets each accepted socket, which is closed when the handler returns.
/// </summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly Socket _listener;
    private readonly Func<Socket, Task> _handler;
    private readonly string? _socketFile;
    private readonly List<Task> _handling = [];
    private readonly Task _accepting;

    private TestServer(Socket listener, string? socketFile, Func<Socket, Task> handler)
    {
        _listener = listener;
        _handler = handler;
        _socketFile = socketFile;
        _listener.Listen(4096);
        Address = socketFile is null ? $"tcp://{_listener.LocalEndPoint}" : $"unix:{socketFile}";
        _accepting = AcceptAsync();
    }

    public string Address { get; }

    public static TestServer Start(Func<Socket, Task> handler) =>
        StartOn(new IPEndPoint(IPAddress.Loopback, 0), handler);

    public static TestServer StartOn(IPEndPoint endPoint, Func<Socket, Task> handler) =>
        StartOn(Bound(new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp), endPoint), handler);

    public static TestServer StartOn(string socketFile, Func<Socket, Task> handler) => new(
        Bound(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified), new UnixDomainSocketEndPoint(socketFile)), socketFile, handler);

    public static TestServer StartOnAbstract(string name, Func<Socket, Task> handler) => new(
        Bound(new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified), new UnixDomainSocketEndPoint($"\0{name}")), null, handler);

    /// <summary>Listens on a socket that is already bound.</summary>
    public static TestServer StartOn(Socket bound, Func<Socket, Task> handler) => new(bound, null, handler);

    /// <summary>
    /// Stops the server. Throws the exception of the first handler that failed, for example in an assertion.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting;
        await Task.WhenAll(_handling).WaitAsync(TimeSpan.FromSeconds(60));
        if (_socketFile is not null)
        {
            File.Delete(_socketFile);
        }
    }

    private static Socket Bound(Socket socket, EndPoint endPoint)
    {
        socket.Bind(endPoint);
        return socket;
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await _listener.AcceptAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }

            _handling.Add(HandleAsync(socket));
        }
    }

    private async Task HandleAsync(Socket socket)
    {
        using (socket)
        {
            try
            {
                await _handler(socket);
            }
            catch (SocketException)
            {
                // The client closed first; its own output says why.
            }
        }
    }
}
