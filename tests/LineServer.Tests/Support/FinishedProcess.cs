namespace LineServer.Tests.Support;

/// <summary>What became of a process.</summary>
/// <param name="Status">Its exit status.</param>
/// <param name="Output">All of its standard output, a byte a character.</param>
/// <param name="Error">All of its standard error, a byte a character.</param>
internal sealed record FinishedProcess(int Status, string Output, string Error)
{
    /// <summary>The lines of <see cref="Error"/>.</summary>
    public string[] ErrorLines => Error.TrimEnd('\n').Split('\n');

    /// <summary>It ended with this status and one line, which says this.</summary>
    public void AssertOneLine(int status, string line)
    {
        Assert.Equal(line, Error.TrimEnd('\n'));
        Assert.Equal(status, Status);
        Assert.Equal("", Output);
    }
}
