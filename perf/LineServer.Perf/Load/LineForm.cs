namespace LineServer.Perf.Load;

/// <summary>What stands in a line before its numbers, and after its filler.</summary>
internal readonly record struct LineForm(string Before, string After)
{
    /// <summary>A line as it is.</summary>
    public static readonly LineForm Plain = new("", "\n");
}
