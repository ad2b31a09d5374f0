namespace LineServer.Perf.Load;

/// <summary>The text of a line before its numbers and after its filler.</summary>
internal readonly record struct LineForm(string Before, string After)
{
    /// <summary>A line without any text but LF.</summary>
    public static readonly LineForm Plain = new("", "\n");

    /// <summary>Where the text before has the connection's number once more, with eight letters; -1 for nowhere.</summary>
    public int ConnectionAt { get; init; } = -1;
}
