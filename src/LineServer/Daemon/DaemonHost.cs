using System.Globalization;
using System.Reflection;
using LineServer.Configuration;
using LineServer.Handlers;
using LineServer.Handlers.Stored;
using LineServer.Logging;
using LineServer.Systemd;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LineServer.Daemon;

/// <summary>
/// Builds the daemon and runs it: start, serve, stop. Start and stop end in bounded time, even if a part hangs.
/// </summary>
internal sealed class DaemonHost : IAsyncDisposable
{
    // The limit of a .NET timer: about 49 days.
    private static readonly TimeSpan LongestShutdown = TimeSpan.FromDays(45);

    // Time after the drain, for aborted connections to end and for print to write its last lines.
    private static readonly TimeSpan AfterDrain = TimeSpan.FromSeconds(5);

    // How long an interrupted start may take to end, and how long a stop may exceed its own timeout.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly ServerSettings _settings;
    private readonly Signals _signals;
    private readonly IHost _host;
    private readonly ILogger _logger;

    /// <summary>
    /// Builds everything that a start needs, without opening an endpoint. `check` does this too.
    /// </summary>
    public DaemonHost(ServerSettings settings, IConfigurationRoot configuration, Signals signals, ErrorOutput errors)
    {
        _settings = settings;
        _signals = signals;
        _host = Build(settings, configuration, signals, errors);
        _logger = _host.Services.GetRequiredService<ILogger<DaemonHost>>();
    }

    /// <summary>Runs until a signal arrives or the application stops itself.</summary>
    /// <param name="file">The configuration file, for the log; null if there is none.</param>
    /// <returns>The exit status.</returns>
    /// <exception cref="StartException">An endpoint cannot listen.</exception>
    public async Task<int> RunAsync(string? file)
    {
        if (!_signals.TryServe())
        {
            return ExitStatus.Success;
        }

        if (!await StartAsync())
        {
            return ExitStatus.Success;
        }

        // Not earlier: a start that fails prints one line, the reason.
        LogStart(file);
        await WhenCancelled(_host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        return await StopAsync();
    }

    /// <summary>
    /// Disposes what the start has opened. Does not wait for a part that hangs: the process is about to end.
    /// </summary>
    public async ValueTask DisposeAsync() => await Task.WhenAny(DisposeHostAsync(), Task.Delay(Grace));

    private async Task<bool> StartAsync()
    {
        // On the thread pool, so that a part that blocks (a name server that does not answer) does not keep us from
        // a signal.
        Task start = Task.Run(() => _host.StartAsync(_signals.Stop));
        await Task.WhenAny(start, WhenCancelled(_signals.Stop));
        if (!_signals.Stop.IsCancellationRequested)
        {
            await start;
            return true;
        }

        DaemonLog.StartEnded(_logger);
        await Task.WhenAny(start, Task.Delay(Grace));
        await Task.WhenAny(TryStopHostAsync(), Task.Delay(Grace));
        return false;
    }

    private async Task<int> StopAsync()
    {
        TimeSpan bound = ShutdownTimeout(_settings) + Grace;
        Task<bool> stop = Task.Run(TryStopHostAsync);
        if (await Task.WhenAny(stop, Task.Delay(bound)) != stop)
        {
            DaemonLog.StopHangs(_logger, bound);
            return ExitStatus.Failure;
        }

        // A second signal arrived during the stop, so connections were aborted.
        bool isComplete = await stop && !_signals.Abort.Token.IsCancellationRequested;
        return isComplete ? _host.Services.GetRequiredService<ExitStatus>().Value : ExitStatus.Failure;
    }

    private async Task<bool> TryStopHostAsync()
    {
        try
        {
            await _host.StopAsync();
            return true;
        }
#pragma warning disable CA1031 // Whatever it was, the process ends now, and says it in a line.
        catch (Exception e)
#pragma warning restore CA1031
        {
            DaemonLog.StopFailed(_logger, e);
            return false;
        }
    }

    private async Task DisposeHostAsync()
    {
        try
        {
            await Task.Run(async () => await ((IAsyncDisposable)_host).DisposeAsync());
        }
#pragma warning disable CA1031 // As above.
        catch (Exception e)
#pragma warning restore CA1031
        {
            DaemonLog.StopFailed(_logger, e);
        }
    }

    private static IHost Build(ServerSettings settings, IConfigurationRoot configuration, Signals signals, ErrorOutput errors)
    {
        // We need no content root. Its default is the working directory, which may have been deleted.
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.AddConfiguration(configuration);
        AddLogging(builder.Logging, configuration, errors);
        IServiceCollection services = builder.Services;
        services.AddMetrics();
        services.AddSingleton(settings);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<ExitStatus>();
        services.AddSingleton(signals);
        services.AddSingleton(signals.Abort);
        services.AddSingleton<SystemdNotifier>();
        services.AddSingleton<LineService>();
        services.AddSingleton<IHostLifetime, SignalLifetime>();
        services.AddSingleton<PrintQueue>();
        if (settings.Endpoints.Any(endpoint => endpoint.Handler == "print"))
        {
            // Registered before the service, so that it stops after it.
            services.AddHostedService(provider => provider.GetRequiredService<PrintQueue>());
        }

        services.AddSingleton<StoreSet>();
        services.AddSingleton<AcknowledgementRepeater>();
        if (settings.Stores.Count > 0)
        {
            // As above: clients are told what was committed before their connections end.
            services.AddHostedService(provider => provider.GetRequiredService<StoreSet>());
        }

        services.AddHostedService(provider => provider.GetRequiredService<LineService>());
        services.Configure<HostOptions>(options => options.ShutdownTimeout = ShutdownTimeout(settings));
        return builder.Build();
    }

    private static void AddLogging(ILoggingBuilder logging, IConfigurationRoot configuration, ErrorOutput errors)
    {
        logging.Services.AddSingleton<ILoggerProvider>(new ErrorOutputLogger(errors));
        logging.SetMinimumLevel(LogLevel.Information);
        logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        logging.AddFilter("Microsoft.Hosting", LogLevel.Warning);
        // The command reports a failed start in one line. The host would add a stack trace.
        logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        logging.AddConfiguration(configuration.GetSection("Logging"));
    }

    private void LogStart(string? file)
    {
        string version = typeof(DaemonHost).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
        ServerLimits limits = _settings.Limits;
        int? connections = _host.Services.GetRequiredService<LineService>().MaxConcurrentConnections;
        string text = string.Create(
            CultureInfo.InvariantCulture,
            $"MaxLineSize {limits.MaxLineSize}, MaxConcurrentConnections {connections?.ToString(CultureInfo.InvariantCulture) ?? "unlimited"}, MaxTotalBufferSize {limits.MaxTotalBufferSize}, Backlog {limits.Backlog}");
        string endpoints = string.Join(", ", _settings.Endpoints.Select(endpoint => $"{endpoint.Name}={endpoint.Address}"));
        DaemonLog.Starts(_logger, version, Environment.ProcessId, file ?? "none", _settings.Transport, text, endpoints);
    }

    private static TimeSpan ShutdownTimeout(ServerSettings settings)
    {
        TimeSpan drain = settings.Endpoints.Max(endpoint => (endpoint.Limits.DrainTimeout ?? LongestShutdown) + endpoint.Limits.LingerTimeout);
        return drain + AfterDrain < LongestShutdown ? drain + AfterDrain : LongestShutdown;
    }

    private static Task WhenCancelled(CancellationToken token)
    {
        var cancelled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        token.Register(cancelled.SetResult);
        return cancelled.Task;
    }
}
