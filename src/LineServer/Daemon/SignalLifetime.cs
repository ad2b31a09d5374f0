using System.Runtime.InteropServices;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LineServer.Daemon;

/// <summary>SIGTERM and SIGINT drain, a second one aborts; SIGHUP does nothing yet.</summary>
internal sealed class SignalLifetime(
    IHostApplicationLifetime lifetime, AbortSignal abort, ExitStatus exitStatus, ILogger<SignalLifetime> logger) : IHostLifetime, IDisposable
{
    private readonly List<PosixSignalRegistration> _registrations = [];
    private int _signals;

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnStop));
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGINT, OnStop));
        _registrations.Add(PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnReload));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());

    private void OnStop(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _signals) == 1)
        {
            lifetime.StopApplication();
        }
        else
        {
            logger.LogWarning("a second {Signal}: connections that are still open are aborted", context.Signal);
            exitStatus.Fail();
            abort.Set();
        }
    }

    private void OnReload(PosixSignalContext context)
    {
        context.Cancel = true;
        logger.LogInformation("SIGHUP ignored: the configuration is read at the start only");
    }
}
