using System.Net.Sockets;
using System.Text;

namespace LineServer.Tests.Support;

/// <summary>Plays systemd at the other end of <c>NOTIFY_SOCKET</c>.</summary>
internal sealed class NotifySocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    /// <param name="name">A path, or @ and an abstract name.</param>
    public NotifySocket(string name)
    {
        Name = name;
        _socket.Bind(new UnixDomainSocketEndPoint(name.StartsWith('@') ? $"\0{name[1..]}" : name));
    }

    public string Name { get; }

    /// <summary>The lines of the next message.</summary>
    public async Task<string[]> ReceiveAsync()
    {
        byte[] buffer = new byte[4096];
        int length = await _socket.ReceiveAsync(buffer.AsMemory()).Guarded();
        return Encoding.UTF8.GetString(buffer, 0, length).Split('\n');
    }

    public void Dispose() => _socket.Dispose();
}
