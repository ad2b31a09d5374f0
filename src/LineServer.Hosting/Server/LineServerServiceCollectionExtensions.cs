using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace LineServer.Hosting;

/// <summary>Line endpoints for an application without HTTP.</summary>
public static class LineServerServiceCollectionExtensions
{
    /// <summary>
    /// Adds a <see cref="ConnectionServer"/> that starts and drains with the host:
    /// <c>builder.Services.AddLineServer(server => server.ListenLocalhost(7007, endpoint =>
    /// endpoint.UseLines(…)))</c>.
    /// </summary>
    public static IServiceCollection AddLineServer(
        this IServiceCollection services, Action<ConnectionServerOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (configure is not null)
        {
            services.Configure(configure);
        }

        services.TryAddSingleton<ConnectionServer>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, ConnectionServerService>());
        return services;
    }

    // Applications that add endpoints at run time request the server itself, so it is a separate service.
    private sealed class ConnectionServerService(ConnectionServer server) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => server.StartAsync(cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => server.StopAsync(cancellationToken);
    }
}
