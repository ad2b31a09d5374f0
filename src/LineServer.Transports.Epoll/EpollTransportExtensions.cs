using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Transports.Epoll;

/// <summary>Puts the epoll transport into an application: <c>builder.Services.AddEpollTransport()</c>, after Kestrel was added.</summary>
public static class EpollTransportExtensions
{
    /// <summary>Kestrel then listens by epoll; other listener factories keep the endpoints that this one cannot bind.</summary>
    public static IServiceCollection AddEpollTransport(this IServiceCollection services, Action<EpollTransportOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (configure is not null)
        {
            services.Configure(configure);
        }

        // Kestrel asks the factory that was registered last first.
        return services.AddSingleton<IConnectionListenerFactory, EpollTransportFactory>();
    }
}
