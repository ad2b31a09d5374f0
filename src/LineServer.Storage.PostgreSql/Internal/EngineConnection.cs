using System.Diagnostics.CodeAnalysis;
using Npgsql;

namespace LineServer.Storage.PostgreSql.Internal;

/// <summary>
/// One connection to the primary, opened when it is needed and again after each failure. What it has done is durable where the
/// store's options say, or it throws.
/// </summary>
internal sealed class EngineConnection(NpgsqlDataSource source, PostgreSqlStoreOptions options) : IAsyncDisposable
{
    private NpgsqlConnection? _connection;
    private string? _warning;

    /// <summary>Runs a transaction.</summary>
    /// <exception cref="EngineException">It did not take place, or nobody knows.</exception>
    [SuppressMessage("Design", "CA1031", Justification = "Whatever is thrown in between, nobody knows what became of the transaction.")]
    public async Task<T> RunAsync<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> transaction, CancellationToken cancellationToken)
    {
        try
        {
            _connection ??= await OpenAsync(cancellationToken);
            _warning = null;
            T result = await transaction(_connection, cancellationToken);
            if (options.Durability == Durability.Replicated)
            {
                // Turned off during a commit, the wait for the standby ends as if it had answered.
                await RequireStandbyNamesAsync(_connection, cancellationToken);
            }

            // PostgreSQL commits here, and tells of it with a warning, when a wait for the standby is cancelled.
            return _warning is null ? result : throw new EngineException(StoreRefusal.Unavailable, $"PostgreSQL: {_warning}");
        }
        catch (Exception e)
        {
            await CloseAsync();
            throw PostgreSqlEngine.Describe(e);
        }
    }

    public ValueTask DisposeAsync() => CloseAsync();

    private static async Task RequireStandbyNamesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT current_setting('synchronous_standby_names')", connection);
        if (await command.ExecuteScalarAsync(cancellationToken) is not string { Length: > 0 })
        {
            throw new EngineException(StoreRefusal.Unavailable, EngineWatch.NoStandbyNames);
        }
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = await source.OpenConnectionAsync(cancellationToken);
        try
        {
            connection.Notice += (_, e) => _warning = e.Notice.InvariantSeverity == "WARNING" ? e.Notice.MessageText : _warning;
            await using var command = new NpgsqlCommand($"SET synchronous_commit = '{(options.Durability == Durability.Replicated ? "on" : "local")}'; SET lock_timeout = '5s'", connection);
            await command.ExecuteNonQueryAsync(cancellationToken);
            _ = await EngineSchema.ReadIdAsync(connection, options.Schema, cancellationToken);
            if (await EngineWatch.FindProblemAsync(connection, options.Durability, cancellationToken) is { } problem)
            {
                throw new EngineException(StoreRefusal.Unavailable, problem);
            }

            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async ValueTask CloseAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }
}
