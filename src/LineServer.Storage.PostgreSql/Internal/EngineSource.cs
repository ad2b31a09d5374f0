using Npgsql;

namespace LineServer.Storage.PostgreSql.Internal;

/// <summary>Connections to the primary, wherever it is now.</summary>
internal static class EngineSource
{
    /// <summary>For connections that stay open, and are closed after a failure.</summary>
    public static NpgsqlDataSource ForCommits(string connectionString) => Make(connectionString, builder =>
    {
        builder.Pooling = false;
        builder.CommandTimeout = 10;
        // Nobody waits for the answer of a cancelled call: its connection is lost, and the outcome unknown.
        builder.CancellationTimeout = -1;
    });

    /// <summary>For readers, and for looks.</summary>
    public static NpgsqlDataSource ForReaders(string connectionString) => Make(connectionString, builder =>
    {
        builder.MaxPoolSize = 16;
        builder.CommandTimeout = 30;
    });

    private static NpgsqlDataSource Make(string connectionString, Action<NpgsqlConnectionStringBuilder> change)
    {
        var builder = new NpgsqlDataSourceBuilder(connectionString);
        NpgsqlConnectionStringBuilder parts = builder.ConnectionStringBuilder;
        parts.Timeout = 3;
        parts.KeepAlive = 5;
        parts.ApplicationName ??= "lineserver";
        parts.HostRecheckSeconds = 1;
        parts.TargetSessionAttributes = null;
        change(parts);
        return builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary);
    }
}
