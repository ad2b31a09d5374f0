namespace LineServer.Hosting;

/// <summary>
/// How many connections are accepted, and how fast. A connection over a limit is refused before it gets a
/// handler loop.
/// </summary>
public class ConnectionLimits
{
    /// <summary>
    /// The maximum number of concurrent connections. At least 1; null means no limit. Defaults to null.
    /// </summary>
    public int? MaxConcurrentConnections { get; set; }

    /// <summary>
    /// The maximum number of concurrent connections from one peer. Ignored for Unix sockets. At least 1; null
    /// means no limit. Defaults to null.
    /// </summary>
    public int? MaxConcurrentConnectionsPerPeer { get; set; }

    /// <summary>
    /// The maximum rate of new connections, per second. One second's worth may arrive in a burst. At least 1;
    /// null means no limit. Defaults to null.
    /// </summary>
    public int? MaxConnectionsPerSecond { get; set; }

    /// <summary>
    /// The maximum rate of new connections from one peer, per second. Ignored for Unix sockets. At least 1;
    /// null means no limit. Defaults to null.
    /// </summary>
    public int? MaxConnectionsPerSecondPerPeer { get; set; }

    /// <summary>
    /// The leading bits of an IPv4 address that identify a peer: 1 to 32. Defaults to 32: each address is a
    /// peer.
    /// </summary>
    public int PeerPrefixLengthIPv4 { get; set; } = 32;

    /// <summary>
    /// The leading bits of an IPv6 address that identify a peer: 1 to 128. Defaults to 64, because a host can
    /// use any address of its network.
    /// </summary>
    public int PeerPrefixLengthIPv6 { get; set; } = 64;

    internal ConnectionLimits Clone() => (ConnectionLimits)MemberwiseClone();

    internal bool CountsPeers => MaxConcurrentConnectionsPerPeer is not null || MaxConnectionsPerSecondPerPeer is not null;

    internal bool IsUnlimited => MaxConcurrentConnections is null && MaxConnectionsPerSecond is null && !CountsPeers;

    /// <summary>
    /// Describes each invalid limit in one sentence that begins with the name of the property.
    /// </summary>
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
