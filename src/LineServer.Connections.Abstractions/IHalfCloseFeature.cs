namespace LineServer.Connections;

/// <summary>
/// The transport can end one direction by itself: completing the connection's output sends FIN after what was written, and
/// its input goes on until the peer's FIN. A transport without this feature closes both directions when its output ends.
/// </summary>
public interface IHalfCloseFeature
{
    /// <summary>True if completing the output ends that direction only.</summary>
    bool CompletingOutputSendsFin { get; }
}
