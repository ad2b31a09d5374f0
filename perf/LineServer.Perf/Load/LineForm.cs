namespace LineServer.Perf.Load;

/// <summary>The text of a line before its numbers and after its filler.</summary>
internal readonly record struct LineForm(string Before, string After)
{
    /// <summary>A line without any text but LF.</summary>
    public static readonly LineForm Plain = new("", "\n");
}
