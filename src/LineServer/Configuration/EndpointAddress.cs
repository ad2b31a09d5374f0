using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace LineServer.Configuration;

/// <summary>
/// Where an endpoint listens, as it is written: <c>tcp://HOST:PORT</c>, <c>unix:PATH</c>, <c>unix:@NAME</c> for an abstract name,
/// <c>systemd:NAME</c>.
/// </summary>
/// <param name="Kind">Which of these.</param>
/// <param name="Name">The host; the path, or @ and the abstract name; the name of the socket that systemd passes.</param>
/// <param name="Port">0 to 65535; 0 lets the kernel choose.</param>
internal sealed record EndpointAddress(AddressKind Kind, string Name, int Port = 0)
{
    // sun_path of unix(7), without the terminating NUL.
    private const int LongestUnixPath = 107;

    private const char Abstract = '@';

    public static EndpointAddress Default { get; } = new(AddressKind.Tcp, "127.0.0.1", 7007);

    /// <summary>True if two endpoints cannot both have it.</summary>
    public bool IsExclusive => Kind != AddressKind.Tcp || Port != 0;

    /// <summary>True if listening makes a file.</summary>
    public bool IsFile => Kind == AddressKind.Unix && Name[0] != Abstract;

    public static bool TryParse(string? text, [NotNullWhen(true)] out EndpointAddress? address, out string problem)
    {
        const string Tcp = "tcp://";
        const string Unix = "unix:";
        const string Systemd = "systemd:";
        address = null;
        problem = $"'{text}' is no address; write tcp://HOST:PORT, unix:PATH or systemd:NAME";
        if (text is null)
        {
            return false;
        }

        if (text.StartsWith(Tcp, StringComparison.OrdinalIgnoreCase))
        {
            return TryParseTcp(text[Tcp.Length..], out address, ref problem);
        }

        if (text.StartsWith(Unix, StringComparison.OrdinalIgnoreCase) && text.Length > Unix.Length)
        {
            return TryParseUnix(text[Unix.Length..], out address, ref problem);
        }

        if (text.StartsWith(Systemd, StringComparison.OrdinalIgnoreCase) && text.Length > Systemd.Length)
        {
            address = new EndpointAddress(AddressKind.Systemd, text[Systemd.Length..]);
        }

        return address is not null;
    }

    /// <summary>As the kernel has it: an abstract name begins with NUL, not with @.</summary>
    public UnixDomainSocketEndPoint ToUnixEndPoint() => new(Name[0] == Abstract ? $"\0{Name[1..]}" : Name);

    public override string ToString() => Kind switch
    {
        AddressKind.Tcp => $"tcp://{(Name.Contains(':', StringComparison.Ordinal) ? $"[{Name}]" : Name)}:{Port}",
        AddressKind.Unix => $"unix:{Name}",
        _ => $"systemd:{Name}",
    };

    private static bool TryParseUnix(string text, out EndpointAddress? address, ref string problem)
    {
        address = null;
        if (text.Contains('\0', StringComparison.Ordinal) || text == "@")
        {
            problem = $"'unix:{text}' is no path and no abstract name";
            return false;
        }

        string path;
        try
        {
            path = text[0] == Abstract ? text : Path.GetFullPath(text);
        }
        catch (IOException)
        {
            problem = $"the working directory is gone; 'unix:{text}' needs an absolute path";
            return false;
        }

        if (System.Text.Encoding.UTF8.GetByteCount(path) > LongestUnixPath)
        {
            problem = $"the path of a Unix socket has at most {LongestUnixPath} bytes; '{path}' is longer";
            return false;
        }

        address = new EndpointAddress(AddressKind.Unix, path);
        return true;
    }

    private static bool TryParseTcp(string text, out EndpointAddress? address, ref string problem)
    {
        address = null;
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? text : text[..colon];
        if (colon < 0 || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port))
        {
            problem = $"'tcp://{text}' has no port; write tcp://HOST:PORT";
            return false;
        }

        if (port > ushort.MaxValue)
        {
            problem = $"{port} is no port; they go from 0 (any) to {ushort.MaxValue}";
            return false;
        }

        bool bracketed = host.StartsWith('[') && host.EndsWith(']');
        host = bracketed ? host[1..^1] : host;
        if (host.Length == 0 || (host.Contains(':', StringComparison.Ordinal) && !bracketed))
        {
            problem = host.Length == 0
                ? $"'tcp://{text}' has no host; write tcp://HOST:PORT, * for every address"
                : $"'tcp://{text}': an IPv6 address stands in brackets: tcp://[{host}]:{port}";
            return false;
        }

        // One spelling for one address, so that two endpoints on it are noticed.
        string name = IPAddress.TryParse(host, out IPAddress? ip) ? ip.ToString() : host;
        address = new EndpointAddress(AddressKind.Tcp, name, port);
        return true;
    }
}
