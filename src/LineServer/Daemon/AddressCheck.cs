using System.Net;
using System.Net.Sockets;
using LineServer.Configuration;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Daemon;

/// <summary>
/// Tries the addresses of all endpoints as a start would: binds each and closes it. No socket listens, so no
/// client notices.
/// </summary>
internal static class AddressCheck
{
    /// <summary>
    /// Returns one line for each endpoint that could not listen. Leaves sockets passed by systemd alone.
    /// </summary>
    public static IReadOnlyList<string> Problems(ServerSettings settings)
    {
        var problems = new List<string>();
        var tried = new List<IPEndPoint>();
        foreach (EndpointSettings endpoint in settings.Endpoints.Where(endpoint => endpoint.Address.Kind != AddressKind.Systemd))
        {
            try
            {
                foreach (EndPoint address in ListenSocket.Resolve(endpoint))
                {
                    // Two sockets may be bound to one port if neither listens.
                    ListenSocket.Bind(endpoint, tried.Any(other => Overlap(other, address)) ? throw ListenSocket.InUse(endpoint) : address).Dispose();
                    tried.AddRange(address is IPEndPoint ip ? [ip] : []);
                }
            }
            catch (StartException e)
            {
                problems.Add(e.Message);
            }
        }

        return problems;
    }

    private static bool Overlap(IPEndPoint one, EndPoint address) =>
        address is IPEndPoint other && one.Port == other.Port && one.Port != 0
        && (one.Address.Equals(other.Address) || IsAny(one.Address, other.Address) || IsAny(other.Address, one.Address));

    // [::] accepts IPv4 as well.
    private static bool IsAny(IPAddress one, IPAddress other) =>
        one.Equals(IPAddress.IPv6Any) || (one.Equals(IPAddress.Any) && other.AddressFamily == AddressFamily.InterNetwork);
}
