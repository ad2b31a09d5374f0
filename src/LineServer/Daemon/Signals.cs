using System.Runtime.InteropServices;

namespace LineServer.Daemon;

/// <summary>
/// Handles the process's signals, from the first line of Main on. SIGTERM and SIGINT end the process: at once
/// before it serves, in order afterwards. A second one aborts, if it comes at least half a second after the first:
/// `timeout` and other wrappers send the same signal twice.
/// </summary>
internal sealed class Signals : IDisposable
{
    private static readonly TimeSpan SameSignal = TimeSpan.FromMilliseconds(500);

    // From <asm-generic/signal.h>, the same on x64 and arm64. PosixSignal does not name them, but takes numbers.
    private const PosixSignal User1 = (PosixSignal)10;
    private const PosixSignal User2 = (PosixSignal)12;

    private readonly PosixSignalRegistration[] _registrations;
    private readonly TaskCompletionSource _endedBeforeServing = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _stop = new();
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private State _state;
    private long _stopRequestedAt;

    public Signals(TimeProvider time)
    {
        _time = time;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnStop),
            PosixSignalRegistration.Create(PosixSignal.SIGINT, OnStop),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, OnOther),
            PosixSignalRegistration.Create(User1, OnOther),
            PosixSignalRegistration.Create(User2, OnOther),
        ];
    }

    /// <summary>Called for signals that are only logged, with the signal and its effect.</summary>
    public Action<string>? Ignored { get; set; }

    /// <summary>Called with the name of the second signal, which aborts.</summary>
    public Action<string>? Aborting { get; set; }

    // Starting ─TryServe─► Serving ─signal─► Stopping ─signal, half a second later─► Aborted
    // Starting ─signal─► Ended
    private enum State
    {
        Starting,
        Serving,
        Stopping,
        Aborted,
        Ended,
    }

    /// <summary>Completes if a signal arrives before the server serves.</summary>
    public Task EndedBeforeServing => _endedBeforeServing.Task;

    /// <summary>Cancelled by the first signal while the server serves.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>Set by the second signal.</summary>
    public AbortSignal Abort { get; } = new();

    /// <summary>
    /// From now on, the first signal sets <see cref="Stop"/>. Returns false if one has arrived already: the process
    /// ends.
    /// </summary>
    public bool TryServe()
    {
        lock (_gate)
        {
            bool mayServe = _state == State.Starting;
            _state = mayServe ? State.Serving : _state;
            return mayServe;
        }
    }

    public void Dispose()
    {
        Array.ForEach(_registrations, registration => registration.Dispose());
        _stop.Dispose();
        Abort.Dispose();
    }

    private void OnStop(PosixSignalContext context)
    {
        context.Cancel = true;
        switch (Next())
        {
            case State.Ended:
                _endedBeforeServing.TrySetResult();
                break;
            case State.Stopping:
                _stop.Cancel();
                break;
            case State.Aborted:
                Aborting?.Invoke(context.Signal.ToString());
                Abort.Set();
                break;
        }
    }

    // The state after this signal, or null if it changes nothing.
    private State? Next()
    {
        lock (_gate)
        {
            switch (_state)
            {
                case State.Starting:
                    return _state = State.Ended;
                case State.Serving:
                    _stopRequestedAt = _time.GetTimestamp();
                    return _state = State.Stopping;
                case State.Stopping when _time.GetElapsedTime(_stopRequestedAt) >= SameSignal:
                    return _state = State.Aborted;
                default:
                    return null;
            }
        }
    }

    private void OnOther(PosixSignalContext context)
    {
        context.Cancel = true;
        Ignored?.Invoke(context.Signal switch
        {
            User1 => "SIGUSR1 ignored: it has no meaning here",
            User2 => "SIGUSR2 ignored: it has no meaning here",
            _ => "SIGHUP ignored: the configuration is read at the start only",
        });
    }
}
