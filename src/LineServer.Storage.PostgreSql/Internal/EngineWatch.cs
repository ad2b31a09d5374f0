using Npgsql;

namespace LineServer.Storage.PostgreSql.Internal;

/// <summary>Whether the database keeps what is promised.</summary>
internal static class EngineWatch
{
    public const string NoStandbyNames = "PostgreSQL has no synchronous standbys: synchronous_standby_names is empty";

    /// <summary>Why lines cannot be kept as promised now; null if they can.</summary>
    public static async Task<string?> FindProblemAsync(NpgsqlConnection connection, Durability durability, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names'), current_setting('fsync'),
                count(*), count(state), count(*) FILTER (WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum'))
            FROM pg_stat_replication
            """,
            connection);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        long all = reader.GetInt64(3), visible = reader.GetInt64(4), synchronous = reader.GetInt64(5);
        return reader.GetBoolean(0) ? "PostgreSQL: this server is a standby"
            : reader.GetString(2) != "on" ? "PostgreSQL does not sync: fsync is off"
            : durability != Durability.Replicated ? null
            : reader.GetString(1).Length == 0 ? NoStandbyNames
            : synchronous > 0 ? null
            : visible < all ? "the role may not see the standbys: GRANT pg_monitor TO it"
            : "PostgreSQL's synchronous standbys are not connected";
    }
}
