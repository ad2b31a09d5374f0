using LineServer.Framing;
using Npgsql;
using NpgsqlTypes;

namespace LineServer.Storage.PostgreSql.Internal;

/// <summary>Reads rows of a stream, and returns their lines.</summary>
internal sealed class PostgreSqlCursor(NpgsqlDataSource source, string schema, string stream, long from) : ILineCursor
{
    private const int MostRows = 16;

    private byte[] _text = [];
    private int _taken;
    private int _end;

    public long NextLine { get; private set; } = from;

    public async ValueTask<ReadOnlyMemory<byte>> ReadAsync(long most, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        if (_taken == _end)
        {
            await FillAsync(cancellationToken);
        }

        int start = _taken;
        long count = 0;
        while (_taken < _end && count < most)
        {
            _taken += _text.AsSpan(_taken, _end - _taken).IndexOf(LineFormat.LineFeed) + 1;
            count++;
        }

        NextLine += count;
        return _text.AsMemory(start, _taken - start);
    }

    public void Dispose()
    {
    }

    /// <summary>Reads the rows from the next line on.</summary>
    private async Task FillAsync(CancellationToken cancellationToken)
    {
        _taken = _end = 0;
        try
        {
            await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand(
                $"""
                WITH s AS (SELECT id, first FROM {schema}.streams WHERE name = $1)
                SELECT s.first, b.first, b.lines, b.text
                FROM s LEFT JOIN LATERAL (
                    SELECT first, lines, text FROM {schema}.batches
                    WHERE stream = s.id AND first >= coalesce(
                        (SELECT first FROM {schema}.batches WHERE stream = s.id AND first <= $2 ORDER BY first DESC LIMIT 1), $2)
                    ORDER BY first LIMIT {MostRows}) AS b ON true
                ORDER BY b.first
                """,
                connection);
            command.Parameters.Add(new() { Value = stream, NpgsqlDbType = NpgsqlDbType.Text });
            command.Parameters.Add(new() { Value = NextLine, NpgsqlDbType = NpgsqlDbType.Bigint });
            await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
            long expected = NextLine;
            while (await reader.ReadAsync(cancellationToken))
            {
                long kept = reader.GetInt64(0);
                if (expected < kept)
                {
                    throw new LineNotKeptException(kept);
                }

                if (!await reader.IsDBNullAsync(1, cancellationToken))
                {
                    Add(reader.GetInt64(1), reader.GetInt32(2), reader.GetFieldValue<byte[]>(3), ref expected);
                }
            }
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            throw new IOException(PostgreSqlEngine.Describe(e).Message, e);
        }
    }

    private void Add(long first, int lines, byte[] text, ref long expected)
    {
        if (first + lines <= expected)
        {
            return; // the stream's last row
        }

        if (first > expected)
        {
            throw new InvalidDataException($"stream {stream}: the lines {expected} to {first - 1} are missing");
        }

        ReadOnlySpan<byte> rest = text;
        if (rest.Count(LineFormat.LineFeed) != lines)
        {
            throw new InvalidDataException($"stream {stream}: the row of line {first} should have {lines} lines, and has {rest.Count(LineFormat.LineFeed)}");
        }

        for (long line = first; line < expected; line++)
        {
            rest = rest[(rest.IndexOf(LineFormat.LineFeed) + 1)..];
        }

        expected = first + lines;
        if (_text.Length - _end < rest.Length)
        {
            Array.Resize(ref _text, Math.Max(_text.Length * 2, _end + rest.Length));
        }

        rest.CopyTo(_text.AsSpan(_end));
        _end += rest.Length;
    }
}
