using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using LineServer.Linux;

namespace LineServer.Configuration;

/// <summary>
/// The address of an endpoint, in its written form: <c>tcp://HOST:PORT</c>, <c>unix:PATH</c>,
/// <c>unix:@NAME</c> for an abstract name, or <c>systemd:NAME</c>.
/// </summary>
/// <param name="Kind">The kind of address.</param>
/// <param name="Name">
/// The host; the path, or @ and the abstract name; or the name of a socket passed by systemd.
/// </param>
/// <param name="Port">0 to 65535; 0 lets the kernel choose.</param>
internal sealed record EndpointAddress(AddressKind Kind, string Name, int Port = 0)
{
    public static EndpointAddress Default { get; } = new(AddressKind.Tcp, "127.0.0.1", 7007);

    /// <summary>True if only one endpoint can have the address.</summary>
    public bool IsExclusive => Kind != AddressKind.Tcp || Port != 0;

    /// <summary>True if listening creates a file.</summary>
    public bool IsFile => Kind == AddressKind.Unix && !AddressText.IsAbstract(Name);

    /// <summary>True for TCP, but for the loopback addresses.</summary>
    public bool IsReachableFromOutside => Kind == AddressKind.Tcp
        && !Name.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        && !(IPAddress.TryParse(Name, out IPAddress? ip) && IPAddress.IsLoopback(ip));

    public static bool TryParse(string? text, [NotNullWhen(true)] out EndpointAddress? address, out string problem)
    {
        const string Systemd = "systemd:";
        address = null;
        problem = $"'{text}' is no address; write tcp://HOST:PORT, unix:PATH or systemd:NAME";
        if (text is null)
        {
            return false;
        }

        if (text.StartsWith(AddressText.Tcp, StringComparison.OrdinalIgnoreCase))
        {
            return TryParseTcp(text[AddressText.Tcp.Length..], out address, ref problem);
        }

        if (text.StartsWith(AddressText.Unix, StringComparison.OrdinalIgnoreCase) && text.Length > AddressText.Unix.Length)
        {
            return TryParseUnix(text[AddressText.Unix.Length..], out address, ref problem);
        }

        if (text.StartsWith(Systemd, StringComparison.OrdinalIgnoreCase) && text.Length > Systemd.Length)
        {
            address = new EndpointAddress(AddressKind.Systemd, text[Systemd.Length..]);
        }

        return address is not null;
    }

    public UnixDomainSocketEndPoint ToUnixEndPoint() => AddressText.ToUnixEndPoint(Name);

    public override string ToString() => Kind switch
    {
        AddressKind.Tcp => $"tcp://{(Name.Contains(':', StringComparison.Ordinal) ? $"[{Name}]" : Name)}:{Port}",
        AddressKind.Unix => $"unix:{Name}",
        _ => $"systemd:{Name}",
    };

    private static bool TryParseUnix(string text, out EndpointAddress? address, ref string problem)
    {
        bool isParsed = AddressText.TryParseUnix(text, absolute: true, out string? path, out string? wrong);
        address = isParsed ? new EndpointAddress(AddressKind.Unix, path!) : null;
        problem = wrong ?? problem;
        return isParsed;
    }

    private static bool TryParseTcp(string text, out EndpointAddress? address, ref string problem)
    {
        bool isParsed = AddressText.TryParseTcp(AddressText.Tcp + text, text, listens: true, out string? host, out int port, out string? wrong);
        address = isParsed ? new EndpointAddress(AddressKind.Tcp, host!, port) : null;
        problem = wrong ?? problem;
        return isParsed;
    }
}
