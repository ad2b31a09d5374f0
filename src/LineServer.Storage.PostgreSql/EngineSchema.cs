using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace LineServer.Storage.PostgreSql;

/// <summary>The tables of an engine: made by <c>lineserver engine init</c>, checked by their version at each start.</summary>
public static partial class EngineSchema
{
    /// <summary>The schema's usual name.</summary>
    public const string DefaultName = "lineserver";

    /// <summary>The version of the tables that this program uses.</summary>
    public const int Version = 1;

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
            await ExecuteAsync(
                connection,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"CREATE TABLE IF NOT EXISTS {schema}.batches_{from:yyyyMMdd} PARTITION OF {schema}.batches FOR VALUES FROM ('{from:yyyy-MM-dd} 00:00:00+00') TO ('{from.AddDays(1):yyyy-MM-dd} 00:00:00+00')"),
                cancellationToken);
        }
    }

    internal static void ThrowIfNoName(string schema)
    {
        if (!IsName(schema))
        {
            throw new ArgumentException($"'{schema}' is no name for a schema.", nameof(schema));
        }
    }

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
