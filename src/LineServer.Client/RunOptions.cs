namespace LineServer.Client;

/// <summary>The validated options of the command line.</summary>
internal sealed record RunOptions
{
    public required ServerAddress Address { get; init; }

    /// <summary>Paths in the order given; <c>-</c> is standard input. Never empty.</summary>
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>The number of replies expected per line; null accepts any.</summary>
    public int? Replies { get; init; }

    public bool CheckEcho { get; init; }

    /// <summary>The most unanswered lines per connection; null means no limit.</summary>
    public long? Window { get; init; }

    /// <summary>Lines per second, over all connections; null means as fast as possible.</summary>
    public double? Rate { get; init; }

    public long Repeat { get; init; } = 1;

    public int Connections { get; init; } = 1;

    public bool Terminate { get; init; }

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The time after which the run ends, whatever it does; null means no limit.</summary>
    public TimeSpan? MaxTime { get; init; }

    public bool Retry { get; init; }

    public bool Quiet { get; init; }

    public bool Stats { get; init; }
}
