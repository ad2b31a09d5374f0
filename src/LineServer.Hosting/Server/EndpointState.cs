namespace LineServer.Hosting;

/// <summary>The state of an endpoint.</summary>
/// <remarks>
/// <code>
/// Listening → Draining → Stopped
/// Listening → Failed → Draining → Stopped
/// </code>
/// </remarks>
public enum EndpointState
{
    /// <summary>The endpoint accepts connections.</summary>
    Listening,

    /// <summary>
    /// The endpoint no longer accepts. Its connections finish the bytes that they have received.
    /// </summary>
    Draining,

    /// <summary>
    /// The endpoint stopped accepting though nobody stopped it. Its connections are still served.
    /// </summary>
    Failed,

    /// <summary>The endpoint and all its connections have ended.</summary>
    Stopped,
}
