using System.Net.Sockets;
using System.Text;
using LineServer.Daemon;
using Microsoft.Extensions.Logging;

namespace LineServer.Systemd;

/// <summary>
/// Reports the service's state to systemd, as a datagram to <c>NOTIFY_SOCKET</c>: sd_notify(3). Does nothing
/// if the variable is not set.
/// </summary>
internal sealed class SystemdNotifier(ILogger<SystemdNotifier> logger)
{
    private readonly string? _path = Environment.GetEnvironmentVariable("NOTIFY_SOCKET");

    /// <summary>All endpoints accept connections.</summary>
    public void Ready(int endpoints) =>
        Send($"READY=1\nSTATUS=Accepting on {endpoints} endpoint{(endpoints == 1 ? "" : "s")}");

    /// <summary>Accepting has stopped, or is about to.</summary>
    public void Stopping() => Send("STOPPING=1\nSTATUS=Draining");

    private void Send(string message)
    {
        if (string.IsNullOrEmpty(_path))
        {
            return;
        }

        try
        {
            // A leading @ stands for the NUL of an abstract name: unix(7).
            string path = _path[0] == '@' ? $"\0{_path[1..]}" : _path;
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            // Non-blocking: if systemd's queue is full, a blocking send would wait until systemd reads.
            socket.Blocking = false;
            socket.SendTo(Encoding.UTF8.GetBytes(message), new UnixDomainSocketEndPoint(path));
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            DaemonLog.NotNotified(logger, message.Split('\n')[0], _path, e.Message);
        }
    }
}
