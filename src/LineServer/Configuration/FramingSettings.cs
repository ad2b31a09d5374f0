using LineServer.Framing;

namespace LineServer.Configuration;

/// <summary>The section <c>Framing</c>. Null means the handler's default.</summary>
internal sealed class FramingSettings
{
    public Delimiter Delimiter { get; set; } = new(LineFormat.LineFeed);

    public OversizeLineBehavior? OversizeLineBehavior { get; set; }

    public IncompleteLineBehavior IncompleteLineBehavior { get; set; }

    public FramingSettings Clone() => (FramingSettings)MemberwiseClone();
}
