using LineServer.Configuration;
using LineServer.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LineServer.Handlers.Stored;

/// <summary>Prepares the handlers of endpoints that have a store.</summary>
internal static class StoredHandlers
{
    public static Func<LineHandlerBase> PrepareAppend(IServiceProvider services, EndpointSettings endpoint)
    {
        Storage.ILineStore store = services.GetRequiredService<StoreSet>().Of(endpoint);
        TimeProvider time = services.GetRequiredService<TimeProvider>();
        if (!endpoint.IsAcknowledged)
        {
            return () => new AppendHandler(store, endpoint.Stream!, time);
        }

        var shared = new AcknowledgingEndpoint(
            services.GetRequiredService<AcknowledgementRepeater>(),
            store,
            new TokenCheck(endpoint.Tokens),
            endpoint.Limits.MaxLineSize,
            LogOf(services, endpoint));
        return () => new AcknowledgingHandler(shared);
    }

    public static Func<LineHandlerBase> PrepareRead(IServiceProvider services, EndpointSettings endpoint)
    {
        Storage.ILineStore store = services.GetRequiredService<StoreSet>().Of(endpoint);
        var tokens = new TokenCheck(endpoint.Tokens);
        OpeningLog log = LogOf(services, endpoint);
        CancellationToken stopping = services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        return () => new ReadHandler(store, tokens, log, stopping);
    }

    private static OpeningLog LogOf(IServiceProvider services, EndpointSettings endpoint) =>
        new(services.GetRequiredService<ILoggerFactory>().CreateLogger<OpeningLog>(), endpoint.Name, services.GetRequiredService<TimeProvider>());
}
