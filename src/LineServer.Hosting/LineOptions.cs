using LineServer.Framing;

namespace LineServer.Hosting;

/// <summary>
/// How an endpoint treats its lines and connections. <c>services.Configure&lt;LineOptions&gt;</c> applies to
/// all endpoints, the <c>configure</c> parameter of <see cref="ConnectionBuilderExtensions"/> to one.
/// </summary>
public sealed class LineOptions
{
    private const int LargestMaxConcurrentLines = 65536;

    /// <summary>The endpoint's name in logs and metrics. Defaults to its address.</summary>
    public string? Name { get; set; }

    /// <summary>The endpoint's limits.</summary>
    public LineLimits Limits { get; set; } = new();

    /// <inheritdoc cref="LineFormat.Delimiter"/>
    public byte Delimiter { get; set; } = LineFormat.LineFeed;

    /// <inheritdoc cref="LineFormat.OversizeLineBehavior"/>
    public OversizeLineBehavior OversizeLineBehavior { get; set; }

    /// <inheritdoc cref="LineFormat.IncompleteLineBehavior"/>
    public IncompleteLineBehavior IncompleteLineBehavior { get; set; }

    /// <summary>What to do with a pushed line that does not fit into the mailbox.</summary>
    public MailboxFullBehavior MailboxFullBehavior { get; set; }

    /// <summary>Where the endpoint's handlers run.</summary>
    public HandlerScheduling Scheduling { get; set; }

    /// <summary>
    /// How many lines of a connection a <see cref="LineHandler"/> handles at once: 1 to 65536. Defaults to 1: one after
    /// the other.
    /// </summary>
    /// <remarks>
    /// More is for lines that do not depend on each other: they wait together, such as for a database, and the server
    /// reads on meanwhile. Lines begin in order, and replies leave in the order of lines, whichever ends first. The
    /// calls share the handler: on an event loop they take turns at each <see langword="await"/>, on the thread pool they
    /// run in parallel. <see cref="LineConnection.FlushAsync"/> and <see cref="LineConnection.ReadPayloadAsync"/> cannot
    /// be used. If a line fails, those before it are answered, those that have begun after it are waited for, and their
    /// replies are dropped. Each pending line is copied, so a client can make the server hold this many lines of
    /// <see cref="LineLimits.MaxLineSize"/>.
    /// </remarks>
    public int MaxConcurrentLines { get; set; } = 1;

    internal LineFormat Format => new()
    {
        Delimiter = Delimiter,
        MaxLineSize = Limits.MaxLineSize,
        OversizeLineBehavior = OversizeLineBehavior,
        IncompleteLineBehavior = IncompleteLineBehavior,
    };

    internal LineOptions Clone() => new()
    {
        Name = Name,
        Limits = Limits.Clone(),
        Delimiter = Delimiter,
        OversizeLineBehavior = OversizeLineBehavior,
        IncompleteLineBehavior = IncompleteLineBehavior,
        MailboxFullBehavior = MailboxFullBehavior,
        Scheduling = Scheduling,
        MaxConcurrentLines = MaxConcurrentLines,
    };

    internal IEnumerable<string> Validate()
    {
        foreach (string problem in Limits.Validate())
        {
            yield return problem;
        }

        if (MaxConcurrentLines is < 1 or > LargestMaxConcurrentLines)
        {
            yield return $"{nameof(MaxConcurrentLines)} must be 1 to {LargestMaxConcurrentLines}, not {MaxConcurrentLines}.";
        }
    }
}
