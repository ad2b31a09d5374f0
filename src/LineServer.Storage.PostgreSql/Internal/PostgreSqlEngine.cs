using System.Net.Sockets;
using Npgsql;
using NpgsqlTypes;

namespace LineServer.Storage.PostgreSql.Internal;

/// <summary>The statements of <see cref="IEngine"/>.</summary>
internal sealed class PostgreSqlEngine : IEngine, IAsyncDisposable
{
    // SQLSTATEs: https://www.postgresql.org/docs/15/errcodes-appendix.html
    private const string DiskFull = "53100";
    private const string CheckViolationOfPartition = "23514";
    private const string ProgramLimit = "54000";

    private readonly NpgsqlDataSource _source;
    private readonly PostgreSqlStoreOptions _options;
    private readonly EngineConnection[] _lanes;
    private readonly EngineConnection _attacher;
    private readonly EngineConnection _reattacher;
    private readonly string _attach;
    private readonly string _reattach;
    private readonly string _append;

    public PostgreSqlEngine(NpgsqlDataSource source, PostgreSqlStoreOptions options)
    {
        EngineSchema.ThrowIfNoName(options.Schema);
        (_source, _options) = (source, options);
        _lanes = [.. Enumerable.Range(0, options.MaxCommits).Select(_ => new EngineConnection(source, options))];
        _attacher = new EngineConnection(source, options);
        _reattacher = new EngineConnection(source, options);
        string schema = options.Schema;

        // What a stream's last row says must be what the stream says. The row's lock is taken first, so that no append is
        // under way; and in the order of names, so that two servers do not wait for each other.
        const string Last = "last.first + last.lines - 1, last.crc";
        _attach = $"""
            INSERT INTO {schema}.streams AS s (name, shared)
            SELECT name, shared FROM unnest($1::text[], $2::boolean[]) AS asked(name, shared) ORDER BY name
            ON CONFLICT (name) DO UPDATE SET attachment = s.attachment + 1 WHERE s.shared = excluded.shared
            RETURNING name, id, attachment, count, crc, first
            """;
        _reattach = $"""
            WITH held AS (
                SELECT s.id FROM {schema}.streams s JOIN unnest($1::bigint[], $2::bigint[]) AS asked(id, attachment)
                ON s.id = asked.id AND s.attachment = asked.attachment ORDER BY s.id FOR UPDATE OF s)
            UPDATE {schema}.streams s SET attachment = s.attachment + 1 FROM held WHERE s.id = held.id
            RETURNING s.id, s.attachment, s.count, s.crc, s.first
            """;
        LastRows = $"""
            SELECT asked.id, {Last} FROM unnest($1::bigint[]) AS asked(id)
            CROSS JOIN LATERAL (
                SELECT first, lines, crc FROM {schema}.batches WHERE stream = asked.id ORDER BY first DESC LIMIT 1) AS last
            """;
        _append = $"""
            WITH piece AS MATERIALIZED (
                SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::int[], $5::bigint[], $6::bytea[])
                AS piece(stream, attachment, first, lines, crc, text)),
            moved AS (
                UPDATE {schema}.streams s SET count = piece.first + piece.lines - 1, crc = piece.crc
                FROM piece
                WHERE s.id = piece.stream AND s.attachment = piece.attachment AND s.count = piece.first - 1
                RETURNING piece.*)
            INSERT INTO {schema}.batches (stream, first, lines, crc, attachment, time, bytes, text)
            SELECT stream, first, lines, crc, attachment, now(), length(text), text FROM moved
            RETURNING stream
            """;
    }

    private string LastRows { get; }

    public async Task<IReadOnlyList<AttachAnswer>> AttachAsync(IReadOnlyList<AttachRequest> requests, CancellationToken cancellationToken) =>
        await _attacher.RunAsync(
            async (connection, cancellation) =>
            {
                var found = new Dictionary<string, StreamPosition>(StringComparer.Ordinal);
                await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellation);
                await using (var attach = new NpgsqlCommand(_attach, connection))
                {
                    attach.Parameters.Add(new() { Value = requests.Select(request => request.Stream).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text });
                    attach.Parameters.Add(new() { Value = requests.Select(request => request.IsShared).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Boolean });
                    await using NpgsqlDataReader reader = await attach.ExecuteReaderAsync(cancellation);
                    while (await reader.ReadAsync(cancellation))
                    {
                        found.Add(reader.GetString(0), ReadPosition(reader, 1));
                    }
                }

                Dictionary<long, string> broken = await FindBrokenAsync(connection, found.Values, cancellation);
                await transaction.CommitAsync(cancellation);
                return (IReadOnlyList<AttachAnswer>)[.. requests.Select(request =>
                    !found.TryGetValue(request.Stream, out StreamPosition? position)
                        ? new AttachAnswer(null, StoreRefusal.InUse, $"the stream {request.Stream} is one of senders that {(request.IsShared ? "number their lines" : "do not number their lines")}")
                        : broken.TryGetValue(position.Id, out string? reason)
                            ? new AttachAnswer(null, StoreRefusal.Failed, $"the stream {request.Stream} does not add up: {reason}")
                            : new AttachAnswer(position))];
            },
            cancellationToken);

    public async Task<IReadOnlyList<StreamPosition?>> ReattachAsync(IReadOnlyList<StreamPosition> positions, CancellationToken cancellationToken) =>
        await _reattacher.RunAsync(
            async (connection, cancellation) =>
            {
                var found = new Dictionary<long, StreamPosition>();
                await using var command = new NpgsqlCommand(_reattach, connection);
                command.Parameters.Add(Bigints(positions, position => position.Id));
                command.Parameters.Add(Bigints(positions, position => position.Attachment));
                await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellation);
                while (await reader.ReadAsync(cancellation))
                {
                    StreamPosition position = ReadPosition(reader, 0);
                    found.Add(position.Id, position);
                }

                return (IReadOnlyList<StreamPosition?>)[.. positions.Select(position => found.GetValueOrDefault(position.Id))];
            },
            cancellationToken);

    public async Task<IReadOnlyList<AppendAnswer>> AppendAsync(int lane, IReadOnlyList<Piece> pieces, CancellationToken cancellationToken) =>
        await _lanes[lane].RunAsync(
            async (connection, cancellation) =>
            {
                // In the order in which the rows of streams are locked.
                Piece[] sorted = [.. pieces.OrderBy(piece => piece.Stream)];
                var stored = new HashSet<long>();
                await using (var command = new NpgsqlCommand(_append, connection))
                {
                    command.Parameters.Add(Bigints(sorted, piece => piece.Stream));
                    command.Parameters.Add(Bigints(sorted, piece => piece.Attachment));
                    command.Parameters.Add(Bigints(sorted, piece => piece.First));
                    command.Parameters.Add(new() { Value = sorted.Select(piece => piece.Lines).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Integer });
                    command.Parameters.Add(Bigints(sorted, piece => piece.Crc));
                    command.Parameters.Add(new NpgsqlParameter<ReadOnlyMemory<byte>[]> { TypedValue = [.. sorted.Select(piece => piece.Text)], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea });
                    await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellation);
                    while (await reader.ReadAsync(cancellation))
                    {
                        stored.Add(reader.GetInt64(0));
                    }
                }

                if (stored.Count == pieces.Count)
                {
                    return (IReadOnlyList<AppendAnswer>)[.. pieces.Select(_ => AppendAnswer.Stored)];
                }

                Dictionary<long, long> newest = await ReadAttachmentsAsync(connection, pieces, cancellation);
                return [.. pieces.Select(piece => stored.Contains(piece.Stream) ? AppendAnswer.Stored
                    : newest.GetValueOrDefault(piece.Stream) == piece.Attachment ? AppendAnswer.Gap : AppendAnswer.Superseded)];
            },
            cancellationToken);

    public async ValueTask DisposeAsync()
    {
        foreach (EngineConnection connection in (EngineConnection[])[.. _lanes, _attacher, _reattacher])
        {
            await connection.DisposeAsync();
        }

        await _source.DisposeAsync();
    }

    /// <summary>What an error means for who asked.</summary>
    public static EngineException Describe(Exception e) => e switch
    {
        EngineException known => known,
        PostgresException { SqlState: DiskFull or ProgramLimit or CheckViolationOfPartition } full => new(StoreRefusal.Failed, $"PostgreSQL: {full.MessageText}", full),
        PostgresException refused => new(StoreRefusal.Unavailable, $"PostgreSQL: {refused.MessageText} ({refused.SqlState})", refused),
        NpgsqlException { InnerException: SocketException inner } => new(StoreRefusal.Unavailable, $"PostgreSQL: {inner.Message}", e),
        _ => new(StoreRefusal.Unavailable, $"PostgreSQL: {e.Message}", e),
    };

    private static NpgsqlParameter Bigints<T>(IReadOnlyList<T> items, Func<T, long> value) =>
        new() { Value = items.Select(value).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint };

    private static StreamPosition ReadPosition(NpgsqlDataReader reader, int column) => new(
        reader.GetInt64(column), reader.GetInt64(column + 1), reader.GetInt64(column + 2), (uint)reader.GetInt64(column + 3), reader.GetInt64(column + 4));

    /// <summary>Streams whose last row does not end where the stream does.</summary>
    private async Task<Dictionary<long, string>> FindBrokenAsync(NpgsqlConnection connection, IEnumerable<StreamPosition> positions, CancellationToken cancellationToken)
    {
        Dictionary<long, StreamPosition> all = positions.ToDictionary(position => position.Id);
        var last = new Dictionary<long, (long Count, long Crc)>();
        await using var command = new NpgsqlCommand(LastRows, connection);
        command.Parameters.Add(Bigints([.. all.Keys], id => id));
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            last.Add(reader.GetInt64(0), (reader.GetInt64(1), reader.GetInt64(2)));
        }

        var broken = new Dictionary<long, string>();
        foreach (StreamPosition position in all.Values)
        {
            if (last.TryGetValue(position.Id, out (long Count, long Crc) row))
            {
                if (row.Count != position.Count || row.Crc != position.Crc)
                {
                    broken.Add(position.Id, $"it has {position.Count} lines with the checksum {position.Crc:x8}, and its last row ends with line {row.Count} and {(uint)row.Crc:x8}");
                }
            }
            else if (position.Count != position.First - 1)
            {
                broken.Add(position.Id, $"it has {position.Count} lines, of which none from {position.First} on is there");
            }
        }

        return broken;
    }

    private async Task<Dictionary<long, long>> ReadAttachmentsAsync(NpgsqlConnection connection, IReadOnlyList<Piece> pieces, CancellationToken cancellationToken)
    {
        var newest = new Dictionary<long, long>();
        await using var command = new NpgsqlCommand($"SELECT id, attachment FROM {_options.Schema}.streams WHERE id = ANY ($1)", connection);
        command.Parameters.Add(Bigints(pieces, piece => piece.Stream));
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            newest.Add(reader.GetInt64(0), reader.GetInt64(1));
        }

        return newest;
    }
}
