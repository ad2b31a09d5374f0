using System.Diagnostics.Metrics;
using LineServer.Hosting.Internal;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace LineServer.Hosting;

/// <summary>
/// Puts lines on a connection: <c>kestrel.ListenLocalhost(7007, listen => listen.UseLines((in line, reply) => reply.WriteLine(line)))</c>.
/// Kestrel's <c>ListenOptions</c> is an <see cref="IConnectionBuilder"/>, and so is what other hosts of connections have.
/// </summary>
public static class ConnectionBuilderExtensions
{
    /// <summary>Each line goes to a delegate; see <see cref="LineDelegate"/>.</summary>
    /// <param name="builder">The endpoint.</param>
    /// <param name="onLine">The handler.</param>
    /// <param name="configure">What holds for this endpoint, on top of the application's <see cref="LineOptions"/>.</param>
    /// <exception cref="OptionsValidationException">The options contradict each other, or are out of range.</exception>
    public static IConnectionBuilder UseLines(this IConnectionBuilder builder, LineDelegate onLine, Action<LineOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(onLine);
        return builder.UseLines(_ => new DelegateHandler(onLine), configure, neverBlocks: true);
    }

    /// <summary>
    /// Each connection gets a <typeparamref name="THandler"/> of its own, made with the application's services; see <see cref="LineHandler"/>
    /// and <see cref="LineBatchHandler"/>.
    /// </summary>
    /// <inheritdoc cref="UseLines(IConnectionBuilder, LineDelegate, Action{LineOptions})"/>
    public static IConnectionBuilder UseLines<THandler>(this IConnectionBuilder builder, Action<LineOptions>? configure = null)
        where THandler : LineHandlerBase
    {
        ObjectFactory<THandler> factory = ActivatorUtilities.CreateFactory<THandler>([]);
        return builder.UseLines(services => factory(services, []), configure);
    }

    /// <summary>Each connection gets what <paramref name="handlerFactory"/> makes.</summary>
    /// <inheritdoc cref="UseLines(IConnectionBuilder, LineDelegate, Action{LineOptions})"/>
    public static IConnectionBuilder UseLines(
        this IConnectionBuilder builder, Func<IServiceProvider, LineHandlerBase> handlerFactory, Action<LineOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(handlerFactory);
        return builder.UseLines(handlerFactory, configure, neverBlocks: false);
    }

    private static IConnectionBuilder UseLines(
        this IConnectionBuilder builder, Func<IServiceProvider, LineHandlerBase> handlerFactory, Action<LineOptions>? configure, bool neverBlocks)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var endpointBuilder = builder as EndpointBuilder;
        IServiceProvider services = builder.ApplicationServices;
        LineOptions options = (services.GetService<IOptions<LineOptions>>()?.Value ?? new LineOptions()).Clone();
        configure?.Invoke(options);
        options.Name ??= endpointBuilder?.Name ?? (builder as ListenOptions)?.EndPoint.ToString() ?? endpointBuilder?.EndPoint.ToString() ?? "lines";
        string[] errors = [.. options.Limits.Validate()];
        if (errors.Length > 0)
        {
            throw new OptionsValidationException(nameof(LineOptions), typeof(LineOptions), errors);
        }

        var endpoint = new LineEndpoint(
            options,
            () => handlerFactory(services),
            new LineMetrics(services.GetService<IMeterFactory>(), options.Name),
            services.GetService<TimeProvider>() ?? TimeProvider.System,
            services.GetService<ILoggerFactory>()?.CreateLogger("LineServer.Hosting") ?? NullLogger.Instance,
            endpointBuilder?.ServerAdmission,
            endpointBuilder?.Budget)
        {
            StartsInline = neverBlocks,
        };
        var handler = new LineConnectionHandler(endpoint);
        if (endpointBuilder is not null)
        {
            endpointBuilder.Name = options.Name;
            endpointBuilder.Lines = handler;
        }

        return builder.Run(handler.OnConnectedAsync);
    }
}
