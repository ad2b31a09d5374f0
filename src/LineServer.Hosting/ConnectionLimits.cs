namespace LineServer.Hosting;

/// <summary>How many connections are let in, and how fast. What exceeds a limit is refused before anything is built for it.</summary>
public class ConnectionLimits
{
    /// <summary>The most connections at once. At least 1; null is no limit.</summary>
    public int? MaxConcurrentConnections { get; set; }

    /// <summary>The most connections at once from one peer; not for Unix sockets. At least 1; null is no limit. Defaults to null.</summary>
    public int? MaxConcurrentConnectionsPerPeer { get; set; }

    /// <summary>
    /// The most new connections a second. A second's worth may come in one burst. At least 1; null is no limit. Defaults to null.
    /// </summary>
    public int? MaxConnectionsPerSecond { get; set; }

    /// <summary>The same from one peer; not for Unix sockets. At least 1; null is no limit. Defaults to null.</summary>
    public int? MaxConnectionsPerSecondPerPeer { get; set; }

    /// <summary>Leading bits of an IPv4 address that make a peer: 1 to 32. Defaults to 32: each address.</summary>
    public int PeerPrefixLengthIPv4 { get; set; } = 32;

    /// <summary>
    /// Leading bits of an IPv6 address that make a peer: 1 to 128. Defaults to 64: a host can take any address of its network.
    /// </summary>
    public int PeerPrefixLengthIPv6 { get; set; } = 64;

    internal ConnectionLimits Clone() => (ConnectionLimits)MemberwiseClone();

    internal bool CountsPeers => MaxConcurrentConnectionsPerPeer is not null || MaxConnectionsPerSecondPerPeer is not null;

    internal bool IsUnlimited => MaxConcurrentConnections is null && MaxConnectionsPerSecond is null && !CountsPeers;

    /// <summary>What is wrong with these limits: one sentence each, which begins with the name of the property.</summary>
    public virtual IEnumerable<string> Validate()
    {
        foreach ((string name, int? value) in new (string, int?)[]
        {
            (nameof(MaxConcurrentConnections), MaxConcurrentConnections),
            (nameof(MaxConcurrentConnectionsPerPeer), MaxConcurrentConnectionsPerPeer),
            (nameof(MaxConnectionsPerSecond), MaxConnectionsPerSecond),
            (nameof(MaxConnectionsPerSecondPerPeer), MaxConnectionsPerSecondPerPeer),
        })
        {
            if (value < 1)
            {
                yield return $"{name} must be at least 1, not {value}.";
            }
        }

        if (PeerPrefixLengthIPv4 is < 1 or > 32)
        {
            yield return $"{nameof(PeerPrefixLengthIPv4)} must be 1 to 32, not {PeerPrefixLengthIPv4}.";
        }

        if (PeerPrefixLengthIPv6 is < 1 or > 128)
        {
            yield return $"{nameof(PeerPrefixLengthIPv6)} must be 1 to 128, not {PeerPrefixLengthIPv6}.";
        }
    }
}
