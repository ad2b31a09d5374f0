using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace LineServer.Hosting;

/// <summary>Line endpoints for an application without HTTP.</summary>
public static class LineServerServiceCollectionExtensions
{
    /// <summary>
    /// Adds a <see cref="ConnectionServer"/>, which starts and drains with the host:
    /// <c>builder.Services.AddLineServer(server => server.ListenLocalhost(7007, endpoint => endpoint.UseLines(…)))</c>.
    /// </summary>
    public static IServiceCollection AddLineServer(this IServiceCollection services, Action<ConnectionServerOptions>? configure = null)
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

    // The server is asked for by applications that add endpoints while it runs, so it is a service by itself.
    private sealed class ConnectionServerService(ConnectionServer server) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => server.StartAsync(cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => server.StopAsync(cancellationToken);
    }
}
