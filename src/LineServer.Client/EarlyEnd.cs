using System.Globalization;
using System.Runtime.InteropServices;

namespace LineServer.Client;

/// <summary>What ends a run before its work is done: SIGINT, SIGTERM or <c>--max-time</c>. The first one wins.</summary>
/// <remarks>A second signal ends the process at once: nothing that hangs in the orderly end can hold it.</remarks>
internal sealed class EarlyEnd : IDisposable
{
    private readonly TaskCompletionSource<Cause> _cause = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _token = new();
    private readonly PosixSignalRegistration[] _signals;
    private readonly ITimer? _deadline;

    /// <param name="maxTime">Counted from now; null: no limit.</param>
    public EarlyEnd(TimeSpan? maxTime)
    {
        _signals =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Take(signal, new("ended by SIGINT", 130))),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Take(signal, new("ended by SIGTERM", 143))),
        ];
        if (maxTime is TimeSpan limit)
        {
            string seconds = limit.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);
            var cause = new Cause($"--max-time: {seconds} s are over", ExitStatus.Incomplete);
            _deadline = TimeProvider.System.CreateTimer(_ => TryRequest(cause), null, limit, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Completes when the run is to end.</summary>
    public Task<Cause> Requested => _cause.Task;

    /// <summary>Cancelled when the run is to end.</summary>
    public CancellationToken Token => _token.Token;

    public void Dispose()
    {
        Array.ForEach(_signals, signal => signal.Dispose());
        _deadline?.Dispose();
        _token.Dispose();
    }

    private void Take(PosixSignalContext signal, Cause cause) => signal.Cancel = TryRequest(cause);

    private bool TryRequest(Cause cause)
    {
        if (!_cause.TrySetResult(cause))
        {
            return false;
        }

        _token.Cancel();
        return true;
    }

    /// <param name="Text">Told to the user, after the program's name.</param>
    /// <param name="ExitStatus">128 and the signal's number, as a shell would report it.</param>
    internal sealed record Cause(string Text, int ExitStatus);
}
