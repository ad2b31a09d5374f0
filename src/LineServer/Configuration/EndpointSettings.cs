using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Configuration;

/// <summary>An endpoint, with everything that holds for it.</summary>
internal sealed record EndpointSettings(
    string Name, EndpointAddress Address, string Handler, string Prefix, LineLimits Limits, FramingSettings Framing)
{
    /// <summary>For `print`: lines go to standard output byte for byte, nothing escaped and nothing before them but the client's address.</summary>
    public bool Raw { get; init; }

    /// <summary>The permissions of a Unix socket's file; null leaves what the umask leaves.</summary>
    public UnixFileMode? UnixSocketMode { get; init; }

    /// <summary>The number of the group of a Unix socket's file; null is the process's own.</summary>
    public uint? UnixSocketGroup { get; init; }

    public OversizeLineBehavior OversizeLineBehavior =>
        Framing.OversizeLineBehavior ?? Handlers.BuiltInHandler.Find(Handler)!.OversizeLineBehavior;
}
