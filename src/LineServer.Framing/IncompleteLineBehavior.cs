namespace LineServer.Framing;

/// <summary>What happens to bytes after the last delimiter when the stream ends.</summary>
public enum IncompleteLineBehavior
{
    /// <summary>They are dropped and counted: without its terminator, a line may be cut short.</summary>
    Discard,

    /// <summary>They are delivered as a line, marked <see cref="Line.IsIncomplete"/>, and counted.</summary>
    Deliver,
}
