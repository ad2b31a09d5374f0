namespace LineServer.Storage.PostgreSql.Tests.Database;

/// <summary>A primary and its synchronous standby, with the tables of lineserver.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    private readonly string _directory;

    private Cluster(string directory, PostgresServer primary) => (_directory, Primary) = (directory, primary);

    public PostgresServer Primary { get; private set; }

    public PostgresServer? Standby { get; private set; }

    /// <summary>Both of them: whoever is the primary is found.</summary>
    public string ConnectionString => Standby is null
        ? Primary.ConnectionString
        : $"Host=127.0.0.1:{Primary.Port},127.0.0.1:{Standby.Port};Username=postgres;Database=postgres";

    public static async Task<Cluster> StartAsync(bool isReplicated = true)
    {
        Assert.SkipWhen(PostgresServer.Programs is null, "PostgreSQL is not installed");
        string directory = Directory.CreateTempSubdirectory("lineserver-postgres-").FullName;
        PostgresServer primary = await PostgresServer.StartPrimaryAsync(directory);
        var cluster = new Cluster(directory, primary);
        try
        {
            await using (Npgsql.NpgsqlDataSource source = Npgsql.NpgsqlDataSource.Create(primary.ConnectionString))
            {
                await EngineSchema.CreateAsync(source, EngineSchema.DefaultName, TestContext.Current.CancellationToken);
            }

            cluster.Standby = isReplicated ? await PostgresServer.StartStandbyAsync(directory, primary) : null;
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public PostgreSqlStore Open(Durability? durability = null, TimeSpan? patience = null) => new(ConnectionString, new PostgreSqlStoreOptions
    {
        Durability = durability ?? (Standby is null ? Durability.Synced : Durability.Replicated),
        PollInterval = TimeSpan.FromMilliseconds(50),
        Patience = patience ?? TimeSpan.FromSeconds(30),
    });

    public async ValueTask DisposeAsync()
    {
        if (Standby is not null)
        {
            await Standby.DisposeAsync();
        }

        await Primary.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
