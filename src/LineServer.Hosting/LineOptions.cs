using LineServer.Framing;

namespace LineServer.Hosting;

/// <summary>
/// How an endpoint treats its lines and connections. <c>services.Configure&lt;LineOptions&gt;</c> applies to
/// all endpoints, the <c>configure</c> parameter of <see cref="ConnectionBuilderExtensions"/> to one.
/// </summary>
public sealed class LineOptions
{
    private const int LargestMaxConcurrentLines = 1024;

    /// <summary>The endpoint's name in logs and metrics. Defaults to its address.</summary>
    public string? Name { get; set; }

    /// <summary>The endpoint's limits.</summary>
    public LineLimits Limits { get; set; } = new();

    /// <inheritdoc cref="LineFormat.Mode"/>
    /// <remarks>
    /// The lines of the other modes may hold LF (<see cref="Line.IsCounted"/>), and
    /// <see cref="LineOutput.WriteLine(ReadOnlySpan{byte})"/> does not take those. Replies are lines in every
    /// mode.
    /// </remarks>
    public FramingMode FramingMode { get; set; }

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
    /// How many lines of a connection a <see cref="LineHandler"/> handles at once: 1 to 1024. Defaults to 1: one after the
    /// other. Other kinds of handler ignore it.
    /// </summary>
    /// <remarks>
    /// <para>
    /// More is for lines that do not depend on each other: they wait together, such as for a database, and the server
    /// reads on meanwhile. Lines begin in order, and replies leave in the order of lines, whichever ends first.
    /// </para>
    /// <para>
    /// The calls share one handler. Assume that they run in parallel: on an event loop they only take turns at each
    /// <see langword="await"/>, but a handler that blocks moves to the thread pool.
    /// <see cref="LineConnection.FlushAsync"/> and <see cref="LineConnection.ReadPayloadAsync"/> throw.
    /// </para>
    /// <para>
    /// If a line fails, the lines before it are answered, and what it has staged is sent. Lines after it that have begun
    /// are waited for, and their replies are dropped.
    /// </para>
    /// <para>
    /// Each pending line is copied, so a client can make the server hold this many lines of
    /// <see cref="LineLimits.MaxLineSize"/>.
    /// </para>
    /// </remarks>
    public int MaxConcurrentLines { get; set; } = 1;

    internal LineFormat Format => new()
    {
        Mode = FramingMode,
        Delimiter = Delimiter,
        MaxLineSize = Limits.MaxLineSize,
        OversizeLineBehavior = OversizeLineBehavior,
        IncompleteLineBehavior = IncompleteLineBehavior,
    };

    internal LineOptions Clone() => new()
    {
        Name = Name,
        Limits = Limits.Clone(),
        FramingMode = FramingMode,
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

        if (FramingMode != FramingMode.Lines && Delimiter != LineFormat.LineFeed)
        {
            yield return $"{nameof(Delimiter)} must be LF (10) with {nameof(FramingMode)} {FramingMode}, not {Delimiter}.";
        }

        if (MaxConcurrentLines is < 1 or > LargestMaxConcurrentLines)
        {
            yield return $"{nameof(MaxConcurrentLines)} must be 1 to {LargestMaxConcurrentLines}, not {MaxConcurrentLines}.";
        }
    }
}
