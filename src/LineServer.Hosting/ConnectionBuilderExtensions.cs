using System.Diagnostics.Metrics;
using LineServer.Hosting.Internal;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace LineServer.Hosting;

/// <summary>
/// Adds a line handler to a connection pipeline: <c>kestrel.ListenLocalhost(7007, listen =>
/// listen.UseLines((in line, reply) => reply.WriteLine(line)))</c>. Kestrel's <c>ListenOptions</c> is an
/// <see cref="IConnectionBuilder"/>, and so is the builder of other hosts.
/// </summary>
public static class ConnectionBuilderExtensions
{
    /// <summary>Passes each line to a delegate; see <see cref="LineDelegate"/>.</summary>
    /// <param name="builder">The endpoint.</param>
    /// <param name="onLine">The handler.</param>
    /// <param name="configure">
    /// Changes this endpoint's copy of the application's <see cref="LineOptions"/>.
    /// </param>
    /// <exception cref="OptionsValidationException">
    /// An option is out of range or contradicts another.
    /// </exception>
    public static IConnectionBuilder UseLines(this IConnectionBuilder builder, LineDelegate onLine, Action<LineOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(onLine);
        return UseLines(builder, _ => HandlerSource.Of(onLine), configure);
    }

    /// <summary>
    /// Creates a <typeparamref name="THandler"/> for each connection; see <see cref="LineHandler"/> and
    /// <see cref="LineBatchHandler"/>. Its constructor parameters come from the connection's service scope.
    /// After its last call the handler is disposed, then the scope.
    /// </summary>
    /// <inheritdoc cref="UseLines(IConnectionBuilder, LineDelegate, Action{LineOptions})"/>
    public static IConnectionBuilder UseLines<THandler>(this IConnectionBuilder builder, Action<LineOptions>? configure = null)
        where THandler : LineHandlerBase => UseLines(builder, HandlerSource.Of<THandler>, configure);

    /// <summary>
    /// Creates a handler for each connection with <paramref name="handlerFactory"/> and disposes it after its
    /// last call. The services that the factory asks for come from the connection's scope, which is created
    /// on the first request and disposed after the handler.
    /// </summary>
    /// <inheritdoc cref="UseLines(IConnectionBuilder, LineDelegate, Action{LineOptions})"/>
    public static IConnectionBuilder UseLines(
        this IConnectionBuilder builder, Func<IServiceProvider, LineHandlerBase> handlerFactory, Action<LineOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(handlerFactory);
        return UseLines(builder, services => HandlerSource.Of(handlerFactory, services), configure);
    }

    private static IConnectionBuilder UseLines(
        IConnectionBuilder builder, Func<IServiceProvider, HandlerSource> handlers, Action<LineOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var endpointBuilder = builder as EndpointBuilder;
        IServiceProvider services = builder.ApplicationServices;
        LineOptions options = (services.GetService<IOptions<LineOptions>>()?.Value ?? new LineOptions()).Clone();
        configure?.Invoke(options);
        options.Name ??= endpointBuilder?.Name ?? (builder as ListenOptions)?.EndPoint.ToString() ?? endpointBuilder?.EndPoint.ToString() ?? "lines";
        string[] errors = [.. options.Validate()];
        if (errors.Length > 0)
        {
            throw new OptionsValidationException(nameof(LineOptions), typeof(LineOptions), errors);
        }

        TimeProvider time = services.GetService<TimeProvider>() ?? TimeProvider.System;
        ILogger logger = services.GetService<ILoggerFactory>()?.CreateLogger("LineServer.Hosting") ?? NullLogger.Instance;
        var log = new EndpointLog(options.Name, logger, time);
        var metrics = new LineMetrics(services.GetService<IMeterFactory>(), options.Name);
        var endpoint = new LineEndpoint(
            options, handlers(services), metrics, time, log, endpointBuilder?.ServerAdmission, endpointBuilder?.Budget);
        var handler = new LineConnectionHandler(endpoint);
        if (endpointBuilder is not null)
        {
            endpointBuilder.Name = options.Name;
            endpointBuilder.Lines = handler;
        }
        else
        {
            // Kestrel does not tell an endpoint when it stops, so it follows the application's lifetime.
            services.GetService<IHostApplicationLifetime>()?.ApplicationStopped.UnsafeRegister(static log => ((EndpointLog)log!).TellRest(), log);
        }

        return builder.Run(handler.OnConnectedAsync);
    }
}
