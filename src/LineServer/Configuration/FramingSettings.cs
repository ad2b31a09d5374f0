using LineServer.Framing;

namespace LineServer.Configuration;

/// <summary>What <c>Framing</c> may hold. Null: what the handler is made for.</summary>
internal sealed class FramingSettings
{
    public Delimiter Delimiter { get; set; } = new(LineFormat.LineFeed);

    public OversizeLineBehavior? OversizeLineBehavior { get; set; }

    public IncompleteLineBehavior IncompleteLineBehavior { get; set; }

    public FramingSettings Clone() => (FramingSettings)MemberwiseClone();
}
