namespace LineServer.Tests.Support;

/// <summary>The result of a process.</summary>
/// <param name="Status">The exit status.</param>
/// <param name="Output">All of standard output, one byte per character.</param>
/// <param name="Error">All of standard error, one byte per character.</param>
internal sealed record FinishedProcess(int Status, string Output, string Error)
{
    /// <summary>The lines of <see cref="Error"/>.</summary>
    public string[] ErrorLines => Error.TrimEnd('\n').Split('\n');

    /// <summary>
    /// Asserts the exit status, and that the only line of output on standard error contains a text.
    /// </summary>
    public void AssertOneLine(int status, string line)
    {
        Assert.Equal(line, Error.TrimEnd('\n'));
        Assert.Equal(status, Status);
        Assert.Equal("", Output);
    }

    /// <summary>Asserts exit status 2, a line that names the problem, and the hint.</summary>
    public void AssertUsage(string line)
    {
        Assert.Equal([line, "Try 'lineserver --help'."], ErrorLines);
        Assert.Equal(2, Status);
    }
}
