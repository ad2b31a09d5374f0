using System.Diagnostics.Metrics;
using LineServer.Configuration;
using LineServer.Daemon;
using LineServer.Storage;
using LineServer.Storage.PostgreSql;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LineServer.Handlers.Stored;

/// <summary>The stores of the configuration. They open before any endpoint listens, and close after all have stopped.</summary>
internal sealed class StoreSet(ServerSettings settings, TimeProvider time, IMeterFactory meters, ILogger<StoreSet> logger) : IHostedService, IAsyncDisposable
{
    private readonly Dictionary<string, ILineStore> _stores = new(StringComparer.Ordinal);

    /// <exception cref="StartException">A store cannot be opened.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (StoreSettings store in settings.Stores)
        {
            _stores.Add(store.Name, store.IsInPostgreSql ? await OpenPostgreSqlAsync(store, cancellationToken) : Open(store));
        }
    }

    /// <summary>Commits what was taken, and closes the stores.</summary>
    public async Task StopAsync(CancellationToken cancellationToken) => await DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable store in _stores.Values.Cast<IAsyncDisposable>())
        {
            await store.DisposeAsync();
        }
    }

    /// <summary>The store of an endpoint.</summary>
    public ILineStore Of(EndpointSettings endpoint) => _stores[endpoint.Store!];

    private LineStore Open(StoreSettings store)
    {
        try
        {
            LineStore opened = LineStore.Open(store.Directory, store.ToOptions(meters), time);
            opened.Failed = e => DaemonLog.StoreFailed(logger, store.Name, e.Message);
            opened.KeepingFailed = e => DaemonLog.KeepingFailed(logger, store.Name, e.Message);
            opened.Recovered = () => DaemonLog.StoreRecovered(logger, store.Name);
            DaemonLog.StoreOpened(logger, store.Name, opened.Id, store.Directory, store.Durability, opened.RecoveredLines);
            return opened;
        }
        catch (Exception e) when (e is StoreException or IOException or UnauthorizedAccessException)
        {
            throw new StartException($"store '{store.Name}' ({store.Directory}): {e.Message}");
        }
    }

    private async Task<PostgreSqlStore> OpenPostgreSqlAsync(StoreSettings store, CancellationToken cancellationToken)
    {
        string shown = PostgreSqlStore.HidePassword(store.ConnectionString);
        var opened = new PostgreSqlStore(store.ConnectionString, store.ToPostgreSqlOptions(), time)
        {
            Failed = e => DaemonLog.StoreFailed(logger, store.Name, e.Message),
            KeepingFailed = e => DaemonLog.PartitionsFailed(logger, store.Name, e.Message),
            Recovered = () => DaemonLog.StoreRecovered(logger, store.Name),
        };
        try
        {
            // One that cannot be reached now is waited for, and clients are told to try again.
            await opened.CheckAsync(cancellationToken);
            DaemonLog.EngineOpened(logger, store.Name, opened.Id, shown, store.Durability);
            return opened;
        }
        catch (StoreException e)
        {
            await opened.DisposeAsync();
            throw new StartException($"store '{store.Name}' ({shown}): {e.Message}");
        }
    }
}
