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

    /// <summary>For `append` and `read`: the name of the store.</summary>
    public string? Store { get; init; }

    /// <summary>For `append` without Acknowledge: the stream into which all lines go.</summary>
    public string? Stream { get; init; }

    /// <summary>For `append`: clients speak LS1.</summary>
    public bool IsAcknowledged { get; init; }

    /// <summary>For `append` with Acknowledge, and `read`: who may use which streams. None: everyone all.</summary>
    public IReadOnlyList<TokenSettings> Tokens { get; init; } = [];

    /// <summary>The permissions of a Unix socket's file; null leaves those that the umask gives.</summary>
    public UnixFileMode? UnixSocketMode { get; init; }

    /// <summary>The group number of a Unix socket's file; null keeps the process's group.</summary>
    public uint? UnixSocketGroup { get; init; }

    public OversizeLineBehavior OversizeLineBehavior =>
        IsAcknowledged ? OversizeLineBehavior.Close : Framing.OversizeLineBehavior ?? Handlers.BuiltInHandler.Find(Handler)!.OversizeLineBehavior;
}
