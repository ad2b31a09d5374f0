namespace LineServer.Connections;

/// <summary>
/// The transport can end one direction alone: completing the output sends FIN after the bytes written, and
/// the input stays open until the peer's FIN. A transport without this feature closes both directions when
/// its output completes.
/// </summary>
public interface IHalfCloseFeature
{
    /// <summary>True if completing the output ends only that direction.</summary>
    bool CompletingOutputSendsFin { get; }
}
