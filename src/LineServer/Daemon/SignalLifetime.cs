using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LineServer.Daemon;

/// <summary>Connects the process's signals to the host: the first stops the application, the others are logged.</summary>
internal sealed class SignalLifetime : IHostLifetime, IDisposable
{
    private readonly Signals _signals;
    private readonly ILogger<SignalLifetime> _logger;
    private readonly CancellationTokenRegistration _stop;

    public SignalLifetime(Signals signals, IHostApplicationLifetime lifetime, ILogger<SignalLifetime> logger)
    {
        _signals = signals;
        _logger = logger;
        _signals.Ignored = OnIgnored;
        _signals.Aborting = OnAborting;
        _stop = signals.Stop.Register(lifetime.StopApplication);
    }

    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _stop.Dispose();
        _signals.Ignored = null;
        _signals.Aborting = null;
    }

    private void OnIgnored(string what) => DaemonLog.SignalIgnored(_logger, what);

    private void OnAborting(string signal) => DaemonLog.Aborting(_logger, signal);
}
