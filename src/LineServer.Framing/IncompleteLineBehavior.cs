namespace LineServer.Framing;

/// <summary>What becomes of bytes without a delimiter at the end of the stream.</summary>
public enum IncompleteLineBehavior
{
    /// <summary>They are dropped and counted: a line without its terminator was never sent.</summary>
    Discard,

    /// <summary>They are delivered as a line, marked <see cref="Line.IsIncomplete"/>, and counted.</summary>
    Deliver,
}
