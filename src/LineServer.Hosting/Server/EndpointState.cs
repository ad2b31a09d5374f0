namespace LineServer.Hosting;

/// <summary>What an endpoint does.</summary>
/// <remarks>
/// <code>
/// Listening → Draining → Stopped
/// Listening → Failed → Draining → Stopped
/// </code>
/// </remarks>
public enum EndpointState
{
    /// <summary>It accepts.</summary>
    Listening,

    /// <summary>It accepts no more; connections finish what was received.</summary>
    Draining,

    /// <summary>It accepts no more, though nobody asked it to stop; its connections are served on.</summary>
    Failed,

    /// <summary>It has ended, with all of its connections.</summary>
    Stopped,
}
