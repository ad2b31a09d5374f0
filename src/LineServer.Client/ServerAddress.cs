using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace LineServer.Client;

/// <summary>Where a line server listens: <c>tcp://HOST:PORT</c> (or bare <c>HOST:PORT</c>; IPv6 in brackets) or <c>unix:PATH</c>.</summary>
public sealed class ServerAddress
{
    private const string TcpScheme = "tcp://";
    private const string UnixScheme = "unix:";

    private readonly string _text;

    private ServerAddress(EndPoint endPoint, string text)
    {
        EndPoint = endPoint;
        _text = text;
    }

    /// <summary>A <see cref="IPEndPoint"/>, a <see cref="DnsEndPoint"/> (a name: looked up at each connect) or a <see cref="UnixDomainSocketEndPoint"/>.</summary>
    public EndPoint EndPoint { get; }

    /// <summary>Reads an address.</summary>
    /// <exception cref="FormatException">It is none; the message says why.</exception>
    public static ServerAddress Parse(string text) =>
        TryParse(text, out ServerAddress? address, out string? error) ? address : throw new FormatException(error);

    /// <summary>Reads an address, or says in one sentence why it is none.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out ServerAddress? address, [NotNullWhen(false)] out string? error)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.StartsWith(UnixScheme, StringComparison.Ordinal)
            ? TryParseUnix(text, out address, out error)
            : TryParseTcp(text, out address, out error);
    }

    /// <summary>The address with its scheme, as in <c>tcp://[::1]:7007</c>.</summary>
    public override string ToString() => _text;

    private static bool TryParseUnix(string text, out ServerAddress? address, out string? error)
    {
        string path = text[UnixScheme.Length..];
        address = null;
        if (path.Length == 0)
        {
            error = $"'{text}' names no socket file, as in unix:/run/lineserver.sock";
            return false;
        }

        try
        {
            address = new(new UnixDomainSocketEndPoint(path), text);
            error = null;
            return true;
        }
        catch (ArgumentOutOfRangeException)
        {
            error = $"'{text}' is too long for a socket file: the kernel takes paths of up to 107 bytes";
            return false;
        }
    }

    private static bool TryParseTcp(string text, out ServerAddress? address, out string? error)
    {
        address = null;
        error = $"'{text}' is no address: tcp://HOST:PORT, HOST:PORT or unix:PATH is expected";
        string rest = text.StartsWith(TcpScheme, StringComparison.Ordinal) ? text[TcpScheme.Length..] : text;
        int colon = rest.LastIndexOf(':');
        if (rest.Contains('/', StringComparison.Ordinal) || colon <= 0)
        {
            return false;
        }

        string host = rest[..colon];
        if (!ushort.TryParse(rest[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port == 0)
        {
            error = $"'{text}' has no port from 1 to 65535 after its last colon";
            return false;
        }

        if (host.StartsWith('[') && host.EndsWith(']'))
        {
            if (!IPAddress.TryParse(host[1..^1], out IPAddress? bracketed) || bracketed.AddressFamily != AddressFamily.InterNetworkV6)
            {
                error = $"'{text}' has no IPv6 address between its brackets";
                return false;
            }

            address = new(new IPEndPoint(bracketed, port), TcpScheme + rest);
        }
        else if (host.Contains(':', StringComparison.Ordinal))
        {
            error = $"'{text}': an IPv6 address stands in brackets, as in tcp://[::1]:7007";
            return false;
        }
        else if (IPAddress.TryParse(host, out IPAddress? plain))
        {
            address = new(new IPEndPoint(plain, port), TcpScheme + rest);
        }
        else if (Uri.CheckHostName(host) == UriHostNameType.Dns)
        {
            address = new(new DnsEndPoint(host, port), TcpScheme + rest);
        }
        else
        {
            return false;
        }

        error = null;
        return true;
    }
}
