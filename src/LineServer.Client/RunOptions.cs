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

    /// <summary>The stream of acknowledged lines; null to send plain lines.</summary>
    public string? Stream { get; init; }

    public bool Follow { get; init; }

    /// <summary>Send again what another store, or one that has lost lines, lacks.</summary>
    public bool Resend { get; init; }

    /// <summary>The file that holds the stream's token; null for none.</summary>
    public string? TokenFile { get; init; }

    /// <summary>The state directory; null if none is known.</summary>
    public string? StateDirectory { get; init; }

    /// <summary>The most bytes of standard input that wait on disk.</summary>
    public long SpoolLimit { get; init; } = 1L << 30;

    /// <summary>
    /// How long to try without any line being acknowledged; <see cref="System.Threading.Timeout.InfiniteTimeSpan"/> for ever.
    /// </summary>
    public TimeSpan GiveUpAfter { get; init; } = TimeSpan.FromMinutes(10);
}
