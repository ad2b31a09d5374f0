using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Configuration;

/// <summary>An endpoint with all its effective settings.</summary>
internal sealed record EndpointSettings(
    string Name, EndpointAddress Address, string Handler, string Prefix, LineLimits Limits, FramingSettings Framing)
{
    /// <summary>
    /// For `print`: writes lines to standard output byte for byte, without escaping, after the client's
    /// address.
    /// </summary>
    public bool Raw { get; init; }

    /// <summary>The permissions of a Unix socket's file; null leaves those that the umask gives.</summary>
    public UnixFileMode? UnixSocketMode { get; init; }

    /// <summary>The group number of a Unix socket's file; null keeps the process's group.</summary>
    public uint? UnixSocketGroup { get; init; }

    public OversizeLineBehavior OversizeLineBehavior =>
        Framing.OversizeLineBehavior ?? Handlers.BuiltInHandler.Find(Handler)!.OversizeLineBehavior;
}
