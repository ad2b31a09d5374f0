namespace LineServer.Client;

/// <summary>What the command line asked for, checked.</summary>
internal sealed record RunOptions
{
    public required ServerAddress Address { get; init; }

    /// <summary>Paths in the order given; <c>-</c> is standard input. Never empty.</summary>
    public required IReadOnlyList<string> Files { get; init; }

    /// <summary>Replies expected for each line; null: whatever comes is right.</summary>
    public int? Replies { get; init; }

    public bool CheckEcho { get; init; }

    /// <summary>Unanswered lines at most, for each connection; null: no bound.</summary>
    public long? Window { get; init; }

    /// <summary>Lines a second, over all connections; null: as fast as it goes.</summary>
    public double? Rate { get; init; }

    public long Repeat { get; init; } = 1;

    public int Connections { get; init; } = 1;

    public bool Terminate { get; init; }

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>After so long the run ends, whatever it does; null: no bound.</summary>
    public TimeSpan? MaxTime { get; init; }

    public bool Retry { get; init; }

    public bool Quiet { get; init; }

    public bool Stats { get; init; }
}
