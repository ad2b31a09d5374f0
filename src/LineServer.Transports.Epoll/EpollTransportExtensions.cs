using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Transports.Epoll;

/// <summary>
/// Registers the epoll transport: call <c>builder.Services.AddEpollTransport()</c> after Kestrel was added.
/// </summary>
public static class EpollTransportExtensions
{
    /// <summary>
    /// Makes Kestrel listen with epoll. Other listener factories keep the endpoints that this one cannot
    /// bind.
    /// </summary>
    public static IServiceCollection AddEpollTransport(this IServiceCollection services, Action<EpollTransportOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (configure is not null)
        {
            services.Configure(configure);
        }

        // Kestrel asks the factory registered last first.
        return services.AddSingleton<IConnectionListenerFactory, EpollTransportFactory>();
    }
}
