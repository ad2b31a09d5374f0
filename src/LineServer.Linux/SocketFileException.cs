using System.Net.Sockets;

namespace LineServer.Linux;

/// <summary>A Unix socket's file cannot be had; the message says why.</summary>
internal sealed class SocketFileException(SocketError error, string message) : SocketException((int)error, message);
