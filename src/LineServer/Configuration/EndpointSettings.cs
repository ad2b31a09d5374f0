using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Configuration;

/// <summary>An endpoint, with everything that holds for it.</summary>
internal sealed record EndpointSettings(
    string Name, EndpointAddress Address, string Handler, string Prefix, LineLimits Limits, FramingSettings Framing)
{
    public OversizeLineBehavior OversizeLineBehavior =>
        Framing.OversizeLineBehavior ?? Handlers.BuiltInHandler.Find(Handler)!.OversizeLineBehavior;
}
