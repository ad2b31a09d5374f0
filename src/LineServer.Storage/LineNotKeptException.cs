namespace LineServer.Storage;

/// <summary>A line was asked for that retention has removed.</summary>
public sealed class LineNotKeptException : Exception
{
    /// <summary>Creates an exception.</summary>
    public LineNotKeptException(long firstKept)
        : base($"the first line that is kept is {firstKept}") => FirstKept = firstKept;

    /// <summary>Creates an exception.</summary>
    public LineNotKeptException()
    {
    }

    /// <summary>Creates an exception.</summary>
    public LineNotKeptException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception.</summary>
    public LineNotKeptException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The first line that is still kept.</summary>
    public long FirstKept { get; }
}
