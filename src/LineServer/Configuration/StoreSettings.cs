using System.Diagnostics.Metrics;
using LineServer.Storage;
using LineServer.Storage.PostgreSql;

namespace LineServer.Configuration;

/// <summary>A store of the section <c>Stores</c>.</summary>
internal sealed class StoreSettings(string name)
{
    /// <summary>The store of the short form, <c>--store DIR</c>.</summary>
    public const string DefaultName = "main";

    public string Name { get; } = name;

    public string Directory { get; set; } = string.Empty;

    /// <summary>Npgsql's, of a store in PostgreSQL; empty for one in <see cref="Directory"/>.</summary>
    public string ConnectionString { get; set; } = string.Empty;

    /// <summary>The schema in that database.</summary>
    public string Schema { get; set; } = EngineSchema.DefaultName;

    public bool IsInPostgreSql => ConnectionString.Length > 0;

    public Durability Durability { get; set; }

    public int MaxStreams { get; set; } = new StoreOptions().MaxStreams;

    public long SegmentSize { get; set; } = new StoreOptions().SegmentSize;

    public SegmentCompression Compress { get; set; }

    public RetentionSettings Retention { get; } = new();

    public StoreOptions ToOptions(IMeterFactory meters) => new()
    {
        Name = Name,
        Meters = meters,
        Durability = Durability,
        MaxStreams = MaxStreams,
        SegmentSize = SegmentSize,
        Compression = Compress,
        MaxAge = Retention.MaxAge,
        MaxBytes = Retention.MaxBytes,
    };

    public PostgreSqlStoreOptions ToPostgreSqlOptions() => new()
    {
        Schema = Schema,
        Durability = Durability,
        MaxAge = Retention.MaxAge,
    };

    public IEnumerable<string> Validate()
    {
        if (IsInPostgreSql)
        {
            if (Durability == Durability.Written)
            {
                yield return $"{nameof(Durability)} must be Replicated or Synced in PostgreSQL.";
            }

            if (!EngineSchema.IsName(Schema))
            {
                yield return $"{nameof(Schema)} must be lower-case letters, digits and _, at most 48, not first a digit: '{Schema}' is not.";
            }

            if (PostgreSqlStore.FindProblem(ConnectionString) is { } problem)
            {
                yield return $"{nameof(ConnectionString)} is none of Npgsql: {problem}";
            }
        }
        else if (Durability == Durability.Replicated)
        {
            yield return $"{nameof(Durability)} is Replicated in PostgreSQL only: a directory is on one machine.";
        }

        if (MaxStreams < 1)
        {
            yield return $"{nameof(MaxStreams)} must be at least 1, not {MaxStreams}.";
        }

        if (SegmentSize < StoreOptions.SmallestSegmentSize)
        {
            yield return $"{nameof(SegmentSize)} must be at least {StoreOptions.SmallestSegmentSize}, not {SegmentSize}.";
        }
    }
}
