using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using LineServer.Linux;

namespace LineServer.Client;

/// <summary>
/// Where a line server listens: <c>tcp://HOST:PORT</c> (or bare <c>HOST:PORT</c>; IPv6 in brackets), <c>unix:PATH</c>, or
/// <c>unix:@NAME</c> for an abstract name.
/// </summary>
public sealed class ServerAddress
{
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
        if (text.StartsWith(AddressText.Unix, StringComparison.OrdinalIgnoreCase) && text.Length > AddressText.Unix.Length)
        {
            return TryParseUnix(text[AddressText.Unix.Length..], out address, out error);
        }

        if (text.StartsWith(AddressText.Tcp, StringComparison.OrdinalIgnoreCase))
        {
            return TryParseTcp(text, text[AddressText.Tcp.Length..], out address, out error);
        }

        if (text.Contains(':', StringComparison.Ordinal) && !text.EndsWith(':') && !text.Contains("://", StringComparison.Ordinal))
        {
            return TryParseTcp(text, text, out address, out error);
        }

        address = null;
        error = $"'{text}' is no address; write tcp://HOST:PORT, HOST:PORT or unix:PATH";
        return false;
    }

    /// <summary>The address with its scheme, as in <c>tcp://[::1]:7007</c>.</summary>
    public override string ToString() => _text;

    private static bool TryParseUnix(string path, out ServerAddress? address, out string? error)
    {
        // A path stays as it is written: what the kernel takes relative may be too long from the root on.
        bool isParsed = AddressText.TryParseUnix(path, absolute: false, out string? name, out error);
        address = isParsed ? new(AddressText.ToUnixEndPoint(name!), AddressText.Unix + name) : null;
        return isParsed;
    }

    private static bool TryParseTcp(string text, string hostAndPort, out ServerAddress? address, out string? error)
    {
        address = null;
        if (!AddressText.TryParseTcp(text, hostAndPort, listens: false, out string? host, out int port, out error))
        {
            return false;
        }

        address = IPAddress.TryParse(host, out IPAddress? ip) ? new(new IPEndPoint(ip, port), AddressText.Tcp + hostAndPort)
            : Uri.CheckHostName(host) == UriHostNameType.Dns ? new(new DnsEndPoint(host, port), AddressText.Tcp + hostAndPort)
            : null;
        error = address is null ? $"'{host}' is no name of a host" : null;
        return address is not null;
    }
}
