using LineServer.Framing;

namespace LineServer.Hosting;

/// <summary>
/// How an endpoint treats its lines and connections. <c>services.Configure&lt;LineOptions&gt;</c> applies to
/// all endpoints, the <c>configure</c> parameter of <see cref="ConnectionBuilderExtensions"/> to one.
/// </summary>
public sealed class LineOptions
{
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
    };
}
