using System.Net.Sockets;

namespace LineServer.Client;

/// <summary>What the errors of a connection mean for a user, and which of them pass by themselves.</summary>
internal static class ConnectionError
{
    /// <summary>True if connecting may succeed later.</summary>
    public static bool IsTemporary(SocketException error) => error.SocketErrorCode switch
    {
        // A Unix socket's backlog is full.
        SocketError.WouldBlock => true,
        SocketError.ConnectionRefused or SocketError.ConnectionReset or SocketError.ConnectionAborted => true,
        SocketError.HostUnreachable or SocketError.HostDown or SocketError.NetworkUnreachable or SocketError.NetworkDown => true,
        SocketError.TimedOut => true,

        // The host's name may not be registered until the host is up. For a Unix socket this is ENOENT: the
        // server creates the file.
        SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData => true,
        SocketError.AddressNotAvailable => true,

        // No descriptor left, no permission and so on: retrying does not help.
        _ => false,
    };

    /// <summary>Why connecting failed.</summary>
    public static string Describe(SocketException error, ServerAddress address) => error.SocketErrorCode switch
    {
        SocketError.AddressNotAvailable when address.EndPoint is UnixDomainSocketEndPoint => "no such socket file",
        SocketError.WouldBlock => "the server accepts no connections",
        SocketError.TooManyOpenSockets => "too many open files (see ulimit -n)",
        SocketError.AddressNotAvailable => "no local port is free",
        _ => error.Message,
    };

    /// <summary>Why an open connection was lost.</summary>
    public static string DescribeLoss(SocketException error) => error.SocketErrorCode switch
    {
        SocketError.ConnectionReset => "the server reset the connection",
        SocketError.TimedOut => "the server is no longer reachable",
        _ => $"the connection failed: {error.Message}",
    };
}
