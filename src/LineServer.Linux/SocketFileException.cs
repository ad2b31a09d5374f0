using System.Net.Sockets;

namespace LineServer.Linux;

/// <summary>A Unix socket's file cannot be created or replaced; the message gives the reason.</summary>
internal sealed class SocketFileException(SocketError error, string message) : SocketException((int)error, message);
