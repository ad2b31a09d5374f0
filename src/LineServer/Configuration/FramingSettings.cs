using LineServer.Framing;

namespace LineServer.Configuration;

/// <summary>The section <c>Framing</c>. Null means the handler's default.</summary>
internal sealed class FramingSettings
{
    public FramingMode Mode { get; set; }

    public Delimiter Delimiter { get; set; } = new(LineFormat.LineFeed);

    public OversizeLineBehavior? OversizeLineBehavior { get; set; }

    public IncompleteLineBehavior IncompleteLineBehavior { get; set; }

    /// <summary>What is wrong; each begins with the name of its key.</summary>
    public IEnumerable<string> Validate()
    {
        if (Mode != FramingMode.Lines && Delimiter.Value != LineFormat.LineFeed)
        {
            yield return $"{nameof(Mode)} {Mode} needs {nameof(Delimiter)} LF, not {Delimiter}.";
        }
    }

    public FramingSettings Clone() => (FramingSettings)MemberwiseClone();
}
