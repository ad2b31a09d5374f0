using System.Globalization;
using System.Text.RegularExpressions;
using LineServer.Storage.PostgreSql.Internal;
using Npgsql;

namespace LineServer.Storage.PostgreSql;

/// <summary>The tables of an engine: made by <c>lineserver engine init</c>, checked by their version at each start.</summary>
public static partial class EngineSchema
{
    /// <summary>The schema's usual name.</summary>
    public const string DefaultName = "lineserver";

    /// <summary>The version of the tables that this program uses.</summary>
    public const int Version = 1;

    private const string PartitionPrefix = "batches_";

    /// <summary>How many days ahead there are partitions.</summary>
    internal const int DaysAhead = 7;

    /// <summary>True if it can be the name of the schema: lower-case letters, digits and <c>_</c>, not first a digit.</summary>
    public static bool IsName(string name) => NamePattern().IsMatch(name);

    /// <summary>Makes the schema and its tables. Does nothing if they are there, in this version.</summary>
    /// <param name="source">A connection to the primary, of a role that may create schemas in the database.</param>
    /// <param name="schema">The name of the schema.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="StoreException">There is one of another version.</exception>
    /// <exception cref="NpgsqlException">The database refused, or cannot be reached.</exception>
    public static async Task CreateAsync(NpgsqlDataSource source, string schema, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        ThrowIfNoName(schema);
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);

        // Two that do so at a time would fail with a duplicate.
        await ExecuteAsync(connection, $"SELECT pg_advisory_xact_lock(hashtext('{schema}'))", cancellationToken);
        if (await ReadVersionAsync(connection, schema, cancellationToken) is not { } version)
        {
            await ExecuteAsync(connection, Tables(schema), cancellationToken);
            if (await HasLz4Async(connection, cancellationToken))
            {
                await ExecuteAsync(connection, $"ALTER TABLE {schema}.batches ALTER COLUMN text SET COMPRESSION lz4", cancellationToken);
            }

            await CreatePartitionsAsync(connection, schema, cancellationToken);
        }
        else
        {
            ThrowIfOther(version, schema);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Connects to the primary of a connection string's hosts, when it is used.</summary>
    public static NpgsqlDataSource Connect(string connectionString) => EngineSource.ForReaders(connectionString);

    /// <summary>Why lines cannot be kept as promised now; null if they can.</summary>
    /// <exception cref="NpgsqlException">The database cannot be reached.</exception>
    public static async Task<string?> FindProblemAsync(NpgsqlDataSource source, Durability durability, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancellationToken);
        return await EngineWatch.FindProblemAsync(connection, durability, cancellationToken);
    }

    /// <summary>What is there, for people: the server, the store, the standbys.</summary>
    /// <exception cref="StoreException">There is no schema of this version.</exception>
    /// <exception cref="NpgsqlException">The database cannot be reached.</exception>
    public static async Task<IReadOnlyList<string>> DescribeAsync(NpgsqlDataSource source, string schema, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        ThrowIfNoName(schema);
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancellationToken);
        string id = await ReadIdAsync(connection, schema, cancellationToken);
        await using var command = new NpgsqlCommand(
            $"""
            SELECT 'PostgreSQL ' || current_setting('server_version') || ', database ' || current_database() || ', role ' || current_user
            UNION ALL SELECT 'store {id}, schema {schema} of version {Version}, ' || count(*) || ' streams, ' || coalesce(sum(count), 0) || ' lines' FROM {schema}.streams
            UNION ALL SELECT 'partitions: ' || count(*) || ', the last ' || max(c.relname)
                FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '{schema}.batches'::regclass
            UNION ALL SELECT 'synchronous_standby_names: ' || coalesce(nullif(current_setting('synchronous_standby_names'), ''), '(empty)')
            UNION ALL SELECT 'standby ' || application_name || ': ' || coalesce(state, 'not to be seen by this role') || ', ' || coalesce(sync_state, '?') FROM pg_stat_replication
            """,
            connection);
        var lines = new List<string>();
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            lines.Add(reader.GetString(0));
        }

        return lines;
    }

    /// <summary>The store's id, if the tables are there and of this version.</summary>
    /// <exception cref="StoreException">They are not.</exception>
    internal static async Task<string> ReadIdAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        int version = await ReadVersionAsync(connection, schema, cancellationToken)
            ?? throw new StoreException($"the database has no schema '{schema}' of lineserver: lineserver engine init makes it");
        ThrowIfOther(version, schema);
        await using var command = new NpgsqlCommand($"SELECT id FROM {schema}.store", connection);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Makes the partitions of today and of the days ahead that are missing.</summary>
    internal static async Task CreatePartitionsAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        await using var now = new NpgsqlCommand("SELECT (now() AT TIME ZONE 'UTC')::date", connection);
        DateOnly today = (await now.ExecuteScalarAsync(cancellationToken)) switch
        {
            DateOnly date => date,
            DateTime time => DateOnly.FromDateTime(time),
            _ => throw new StoreException("the database does not tell the time"),
        };
        for (int day = 0; day <= DaysAhead; day++)
        {
            DateOnly from = today.AddDays(day);
            await using var exists = new NpgsqlCommand($"SELECT to_regclass('{schema}.{PartitionOf(from)}') IS NOT NULL", connection);
            if (await exists.ExecuteScalarAsync(cancellationToken) is true)
            {
                continue; // without a lock that appends would wait for
            }

            await ExecuteAsync(
                connection,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"CREATE TABLE {schema}.{PartitionOf(from)} PARTITION OF {schema}.batches FOR VALUES FROM ('{from:yyyy-MM-dd} 00:00:00+00') TO ('{from.AddDays(1):yyyy-MM-dd} 00:00:00+00')"),
                cancellationToken);
        }
    }

    /// <summary>
    /// Makes the partitions of the days ahead, and drops those whose lines are all older than the limit. Several servers may do
    /// so: one at a time does.
    /// </summary>
    /// <returns>The partitions that were dropped.</returns>
    internal static async Task<IReadOnlyList<string>> MaintainAsync(NpgsqlConnection connection, string schema, TimeSpan? maxAge, CancellationToken cancellationToken)
    {
        var dropped = new List<string>();
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);

        // Appends wait behind whoever waits for this lock, so nobody waits for long.
        await ExecuteAsync(connection, $"SET LOCAL lock_timeout = '2s'; SELECT pg_advisory_xact_lock(hashtext('{schema}'))", cancellationToken);
        await CreatePartitionsAsync(connection, schema, cancellationToken);
        if (maxAge is { } limit)
        {
            foreach (string partition in await FindOldPartitionsAsync(connection, schema, limit, cancellationToken))
            {
                // Rows of a clock that went back would leave a hole: the partition stays until they are old as well.
                await using var moves = new NpgsqlCommand(
                    $"""
                    WITH old AS (SELECT stream, max(first + lines) AS next FROM {schema}.{partition} GROUP BY stream),
                    hole AS (
                        SELECT FROM old JOIN {schema}.batches b ON b.stream = old.stream AND b.first < old.next
                        WHERE b.tableoid <> '{schema}.{partition}'::regclass LIMIT 1),
                    moved AS (
                        UPDATE {schema}.streams s SET first = greatest(s.first, old.next) FROM old
                        WHERE s.id = old.stream AND NOT EXISTS (SELECT FROM hole))
                    SELECT NOT EXISTS (SELECT FROM hole)
                    """,
                    connection);
                if (await moves.ExecuteScalarAsync(cancellationToken) is true)
                {
                    await ExecuteAsync(connection, $"DROP TABLE {schema}.{partition}", cancellationToken);
                    dropped.Add(partition);
                }
            }
        }

        await transaction.CommitAsync(cancellationToken);
        return dropped;
    }

    internal static void ThrowIfNoName(string schema)
    {
        if (!IsName(schema))
        {
            throw new ArgumentException($"'{schema}' is no name for a schema.", nameof(schema));
        }
    }

    private static string PartitionOf(DateOnly day) => string.Create(CultureInfo.InvariantCulture, $"{PartitionPrefix}{day:yyyyMMdd}");

    private static async Task<IReadOnlyList<string>> FindOldPartitionsAsync(NpgsqlConnection connection, string schema, TimeSpan maxAge, CancellationToken cancellationToken)
    {
        // A partition's lines are younger than its day's end.
        await using var command = new NpgsqlCommand(
            $"""
            SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = '{schema}.batches'::regclass AND c.relname ~ '^{PartitionPrefix}[0-9]{Braced(8)}$'
            AND c.relname < '{PartitionPrefix}' || to_char((now() - $1) AT TIME ZONE 'UTC', 'YYYYMMDD') ORDER BY c.relname
            """,
            connection);
        command.Parameters.Add(new() { Value = maxAge, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Interval });
        var names = new List<string>();
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            names.Add(reader.GetString(0));
        }

        return names;
    }

    private static string Braced(int count) => string.Create(CultureInfo.InvariantCulture, $"{{{count}}}");

    private static void ThrowIfOther(int version, string schema)
    {
        if (version != Version)
        {
            throw new StoreException($"the schema '{schema}' has version {version}; this program uses {Version}");
        }
    }

    private static async Task<int?> ReadVersionAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        await using var exists = new NpgsqlCommand($"SELECT to_regclass('{schema}.store') IS NOT NULL", connection);
        if (await exists.ExecuteScalarAsync(cancellationToken) is not true)
        {
            return null;
        }

        await using var command = new NpgsqlCommand($"SELECT version FROM {schema}.store", connection);
        return await command.ExecuteScalarAsync(cancellationToken) as int?;
    }

    private static async Task<bool> HasLz4Async(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            "SELECT EXISTS (SELECT FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals))", connection);
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    // A row of streams changes with every commit: room for the next version of it on the same page, and no index on what
    // changes, so that no index is written (HOT).
    private static string Tables(string schema) => $"""
        CREATE SCHEMA IF NOT EXISTS {schema};
        CREATE TABLE {schema}.store (
            version int NOT NULL,
            id text NOT NULL,
            created timestamptz NOT NULL DEFAULT now());
        INSERT INTO {schema}.store (version, id) VALUES ({Version}, substr(replace(gen_random_uuid()::text, '-', ''), 1, 16));
        CREATE TABLE {schema}.streams (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            name text COLLATE "C" NOT NULL UNIQUE,
            shared boolean NOT NULL,
            attachment bigint NOT NULL DEFAULT 1,
            count bigint NOT NULL DEFAULT 0,
            crc bigint NOT NULL DEFAULT 0,
            first bigint NOT NULL DEFAULT 1)
            WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
        CREATE TABLE {schema}.batches (
            stream bigint NOT NULL,
            first bigint NOT NULL,
            lines int NOT NULL,
            crc bigint NOT NULL,
            attachment bigint NOT NULL,
            time timestamptz NOT NULL,
            bytes int NOT NULL,
            text bytea NOT NULL)
            PARTITION BY RANGE (time);
        CREATE INDEX ON {schema}.batches (stream, first);
        CREATE FUNCTION {schema}.text_of(bytes bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
            BEGIN
                RETURN convert_from(bytes, 'UTF8');
            EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
                RETURN encode(bytes, 'escape');
            END $$;
        CREATE VIEW {schema}.lines AS
            SELECT s.name AS stream, b.first + l.number - 1 AS number, b.time, l.line
            FROM {schema}.batches b
            JOIN {schema}.streams s ON s.id = b.stream,
            LATERAL string_to_table({schema}.text_of(b.text), E'\n') WITH ORDINALITY AS l(line, number)
            WHERE l.number <= b.lines;
        """;

    [GeneratedRegex("^[a-z_][a-z0-9_]{0,47}$", RegexOptions.NonBacktracking)]
    private static partial Regex NamePattern();
}
