namespace LineServer.Framing;

/// <summary>
/// What happens to bytes after the last delimiter, or to part of a counted message, when the stream ends.
/// </summary>
public enum IncompleteLineBehavior
{
    /// <summary>They are dropped and counted: without its terminator, a line may be cut short.</summary>
    Discard,

    /// <summary>
    /// They are delivered as a line, marked <see cref="Line.IsIncomplete"/>, and counted. Of a counted
    /// message, the count is not delivered, so nothing is if no byte after it has arrived.
    /// </summary>
    Deliver,
}
