namespace LineServer.Storage.PostgreSql;

/// <summary>How lines are kept in PostgreSQL.</summary>
public sealed class PostgreSqlStoreOptions
{
    /// <summary>The schema that holds the tables. Defaults to <c>lineserver</c>.</summary>
    public string Schema { get; set; } = EngineSchema.DefaultName;

    /// <summary>
    /// What has happened to a line before it is acknowledged. <see cref="Durability.Replicated"/>, the default, needs
    /// synchronous standbys: while there are none, nothing is taken. <see cref="Durability.Synced"/> is one server's disk.
    /// </summary>
    public Durability Durability { get; set; } = Durability.Replicated;

    /// <summary>
    /// How long lines may wait without one becoming durable before their senders are told to try again. Defaults to 30 s.
    /// </summary>
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The time between two looks at a followed stream, and at the engine's standbys. Defaults to 200 ms.</summary>
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// Lines that are older are removed, a day's at a time. Null, the default: never. All servers should have the same.
    /// </summary>
    public TimeSpan? MaxAge { get; set; }

    /// <summary>The most bytes that one stream may have uncommitted. Defaults to 1 MiB.</summary>
    public int MaxUncommittedPerStream { get; set; } = 1024 * 1024;

    /// <summary>The most bytes that all streams may have uncommitted. Defaults to 64 MiB.</summary>
    public long MaxUncommitted { get; set; } = 64 * 1024 * 1024;

    /// <summary>The most commits on their way at a time. Defaults to 2.</summary>
    public int MaxCommits { get; set; } = 2;

    /// <summary>The most bytes of a row, unless it has one line. Defaults to 256 KiB.</summary>
    internal int MaxPieceSize { get; set; } = 256 * 1024;

    /// <summary>The bytes beyond which a commit takes no further stream.</summary>
    internal int MaxGroupSize { get; set; } = 4 * 1024 * 1024;

    /// <summary>The most streams of a commit.</summary>
    internal int MaxGroupStreams { get; set; } = 1000;
}
