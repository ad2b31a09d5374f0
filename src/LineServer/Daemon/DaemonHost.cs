using LineServer.Configuration;
using LineServer.Handlers;
using LineServer.Systemd;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace LineServer.Daemon;

/// <summary>Puts the daemon together and runs it.</summary>
internal static class DaemonHost
{
    // A timer of .NET takes no more than about 49 days.
    private static readonly TimeSpan LongestShutdown = TimeSpan.FromDays(45);

    // Time for what follows a drain: the aborted connections' ends, and the last lines of print.
    private static readonly TimeSpan AfterDrain = TimeSpan.FromSeconds(5);

    /// <summary>Runs until a signal, or until something ends it.</summary>
    /// <returns>The exit status.</returns>
    /// <exception cref="ListenException">An endpoint cannot listen.</exception>
    public static async Task<int> RunAsync(ServerSettings settings, IConfigurationRoot configuration)
    {
        using IHost host = Build(settings, configuration);
        await host.StartAsync();
        await host.WaitForShutdownAsync();
        return host.Services.GetRequiredService<ExitStatus>().Value;
    }

    private static IHost Build(ServerSettings settings, IConfigurationRoot configuration)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddConfiguration(configuration);
        AddLogging(builder.Logging, configuration);
        IServiceCollection services = builder.Services;
        services.AddMetrics();
        services.AddSingleton(settings);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<ExitStatus>();
        services.AddSingleton<AbortSignal>();
        services.AddSingleton<SystemdNotifier>();
        services.AddSingleton<LineService>();
        services.AddSingleton<IHostLifetime, SignalLifetime>();
        services.AddSingleton<PrintQueue>();
        if (settings.Endpoints.Any(endpoint => endpoint.Handler == "print"))
        {
            // Before the service, so that it stops after it.
            services.AddHostedService(provider => provider.GetRequiredService<PrintQueue>());
        }

        services.AddHostedService(provider => provider.GetRequiredService<LineService>());
        services.Configure<HostOptions>(options => options.ShutdownTimeout = ShutdownTimeout(settings));
        return builder.Build();
    }

    private static void AddLogging(ILoggingBuilder logging, IConfigurationRoot configuration)
    {
        // Standard output is the print handler's.
        logging.AddConsole(options => options.LogToStandardErrorThreshold = LogLevel.Trace);
        if (SystemdJournal.IsConnected)
        {
            logging.AddSystemdConsole();
        }
        else
        {
            logging.AddSimpleConsole(options => options.SingleLine = true);
        }

        logging.SetMinimumLevel(LogLevel.Information);
        logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        logging.AddFilter("Microsoft.Hosting", LogLevel.Warning);
        // What ends the start is reported in one line by the command; the host would add a stack trace.
        logging.AddFilter("Microsoft.Extensions.Hosting", LogLevel.None);
        logging.AddConfiguration(configuration.GetSection("Logging"));
    }

    private static TimeSpan ShutdownTimeout(ServerSettings settings)
    {
        TimeSpan drain = settings.Endpoints.Max(endpoint => (endpoint.Limits.DrainTimeout ?? LongestShutdown) + endpoint.Limits.LingerTimeout);
        return drain + AfterDrain < LongestShutdown ? drain + AfterDrain : LongestShutdown;
    }
}
