using System.Net;
using System.Net.Sockets;
using LineServer.Configuration;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Daemon;

/// <summary>Tries the addresses of all endpoints as a start would: binds each, and closes it. None listens, so no client notices.</summary>
internal static class AddressCheck
{
    /// <summary>Why an endpoint could not listen: a line for each. Sockets that systemd passes are left alone.</summary>
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
                    // A socket that is bound does not keep a second one from the port; only one that listens does.
                    ListenSocket.Bind(endpoint, tried.Any(other => Overlap(other, address)) ? throw ListenSocket.InUse(endpoint) : address).Dispose();
                    tried.AddRange(address is IPEndPoint ip ? [ip] : []);
                }
            }
            catch (ListenException e)
            {
                problems.Add(e.Message);
            }
        }

        return problems;
    }

    private static bool Overlap(IPEndPoint one, EndPoint address) =>
        address is IPEndPoint other && one.Port == other.Port && one.Port != 0
        && (one.Address.Equals(other.Address) || IsAny(one.Address, other.Address) || IsAny(other.Address, one.Address));

    // [::] takes IPv4 too.
    private static bool IsAny(IPAddress one, IPAddress other) =>
        one.Equals(IPAddress.IPv6Any) || (one.Equals(IPAddress.Any) && other.AddressFamily == AddressFamily.InterNetwork);
}
