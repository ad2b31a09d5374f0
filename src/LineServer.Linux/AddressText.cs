using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Text;

namespace LineServer.Linux;

/// <summary>
/// The grammar of addresses that the programs share: <c>tcp://HOST:PORT</c> with IPv6 in brackets,
/// <c>unix:PATH</c>, and <c>unix:@NAME</c> for an abstract name. Schemes are not case-sensitive.
/// </summary>
internal static class AddressText
{
    public const string Tcp = "tcp://";
    public const string Unix = "unix:";

    // The size of sun_path, without the terminating NUL: unix(7).
    private const int LongestUnixPath = 107;

    private const char Abstract = '@';

    /// <summary>Parses HOST:PORT.</summary>
    /// <param name="address">The whole address, for messages.</param>
    /// <param name="hostAndPort">The part after the scheme.</param>
    /// <param name="listens">
    /// True for an address to listen on. Such an address may have port 0 (the kernel chooses) and host *
    /// (every address).
    /// </param>
    /// <param name="host">A name, or an IP address in canonical form without brackets.</param>
    /// <param name="port">1 to 65535, or 0 for an address to listen on.</param>
    /// <param name="problem">The error, in one sentence; null if there is none.</param>
    public static bool TryParseTcp(
        string address,
        string hostAndPort,
        bool listens,
        [NotNullWhen(true)] out string? host,
        out int port,
        [NotNullWhen(false)] out string? problem)
    {
        host = null;
        (problem, port) = (null, 0);
        int slash = hostAndPort.IndexOf('/', StringComparison.Ordinal);
        int colon = hostAndPort.LastIndexOf(':');
        if (slash > 0)
        {
            problem = $"'{address}' has a path; write {address[..(address.Length - hostAndPort.Length + slash)]}";
        }
        else if (colon < 0
            || !int.TryParse(hostAndPort.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port))
        {
            problem = $"'{address}' has no port; write tcp://HOST:PORT";
        }
        else if (port < (listens ? 0 : 1) || port > ushort.MaxValue)
        {
            problem = $"{port} is not a port; ports go from {(listens ? "0 (any)" : "1")} to {ushort.MaxValue}";
        }
        else if (hostAndPort[..colon] is not ['[', .. var inBrackets, ']'])
        {
            (host, problem) = PlainHost(address, hostAndPort[..colon], port, listens);
        }
        else if (IPAddress.TryParse(inBrackets, out IPAddress? ip) && inBrackets.Contains(':', StringComparison.Ordinal))
        {
            host = ip.ToString();
        }
        else
        {
            problem = $"'{address}' has no IPv6 address in its brackets";
        }

        return host is not null;
    }

    /// <summary>Parses a path, or @ and an abstract name.</summary>
    /// <param name="text">The part after <c>unix:</c>.</param>
    /// <param name="absolute">
    /// True to make the path absolute, because the working directory may change before it is used.
    /// </param>
    /// <param name="path">The path, or @ and the name.</param>
    /// <param name="problem">The error, in one sentence; null if there is none.</param>
    public static bool TryParseUnix(
        string text, bool absolute, [NotNullWhen(true)] out string? path, [NotNullWhen(false)] out string? problem)
    {
        (path, problem) = (null, null);
        if (text.Contains('\0', StringComparison.Ordinal) || text is "" or "@")
        {
            problem = $"'unix:{text}' is neither a path nor an abstract name";
            return false;
        }

        string read = text;
        try
        {
            read = absolute && !IsAbstract(text) ? Path.GetFullPath(text) : text;
        }
        catch (IOException)
        {
            problem = $"the working directory is gone; 'unix:{text}' needs an absolute path";
            return false;
        }

        if (Encoding.UTF8.GetByteCount(read) > LongestUnixPath)
        {
            problem = $"the path of a Unix socket has at most {LongestUnixPath} bytes; '{read}' is longer";
            return false;
        }

        path = read;
        return true;
    }

    public static bool IsAbstract(string path) => path[0] == Abstract;

    /// <summary>The path in the kernel's form: an abstract name begins with NUL instead of @.</summary>
    public static System.Net.Sockets.UnixDomainSocketEndPoint ToUnixEndPoint(string path) =>
        new(IsAbstract(path) ? $"\0{path[1..]}" : path);

    private static (string? Host, string? Problem) PlainHost(string address, string host, int port, bool listens)
    {
        if (host.Length == 0)
        {
            return (null, $"'{address}' has no host; write tcp://HOST:PORT{(listens ? ", * for every address" : "")}");
        }

        if (host.Contains(':', StringComparison.Ordinal))
        {
            return (null, $"'{address}': an IPv6 address needs brackets: tcp://[{host}]:{port}");
        }

        // One spelling per address, so that two endpoints on the same address are detected.
        return (IPAddress.TryParse(host, out IPAddress? ip) ? ip.ToString() : host, null);
    }
}
