using System.Text;

namespace LineServer.Client.Tests;

/// <summary>The exit status and output of a process.</summary>
internal sealed record ClientResult(int ExitStatus, byte[] Output, string Errors)
{
    public string Text => Encoding.Latin1.GetString(Output);

    /// <summary>A figure of <c>--stats</c>, without its unit.</summary>
    public double Stat(string name)
    {
        string line = Errors.Split('\n').Single(line =>
            line.StartsWith(name + "  ", StringComparison.Ordinal)
                || line.StartsWith(name + " ", StringComparison.Ordinal));
        return double.Parse(line[name.Length..].Trim().Split(' ')[0]);
    }

    /// <summary>Asserts that the process printed one line, not a stack trace.</summary>
    public void AssertFailed(int exitStatus, string inErrors)
    {
        Assert.Contains(inErrors, Errors, StringComparison.Ordinal);
        Assert.Equal(exitStatus, ExitStatus);
        Assert.StartsWith("lineclient: ", Errors, StringComparison.Ordinal);
        Assert.Equal(Errors.Length - 1, Errors.IndexOf('\n', StringComparison.Ordinal));
    }

    public void AssertSucceeded()
    {
        Assert.Equal("", Errors);
        Assert.Equal(0, ExitStatus);
    }
}
