using System.Globalization;
using System.Runtime.InteropServices;

namespace LineServer.Client;

/// <summary>
/// Ends a run before its work is done: on SIGINT, SIGTERM or <c>--max-time</c>. The first cause wins.
/// </summary>
/// <remarks>
/// A second signal ends the process at once, so a hang in the orderly end cannot keep it alive.
/// </remarks>
internal sealed class EarlyEnd : IDisposable
{
    private readonly TaskCompletionSource<Cause> _cause = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _token = new();
    private readonly PosixSignalRegistration[] _signals;
    private readonly ITimer? _deadline;

    /// <param name="maxTime">The time limit, from now on; null means none.</param>
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
            var cause = new Cause($"--max-time: {seconds} s have passed", ExitStatus.Incomplete);
            _deadline = TimeProvider.System.CreateTimer(_ => TryRequest(cause), null, limit, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Completes when the run should end.</summary>
    public Task<Cause> Requested => _cause.Task;

    /// <summary>Cancelled when the run should end.</summary>
    public CancellationToken Token => _token.Token;

    public void Dispose()
    {
        Array.ForEach(_signals, signal => signal.Dispose());
        _deadline?.Dispose();
        _token.Dispose();
    }

    /// <summary>Asks for the end. Returns false if that was done before.</summary>
    public bool TryRequest(Cause cause)
    {
        if (!_cause.TrySetResult(cause))
        {
            return false;
        }

        _token.Cancel();
        return true;
    }

    private void Take(PosixSignalContext signal, Cause cause) => signal.Cancel = TryRequest(cause);

    /// <param name="Text">The message for the user, after the program's name.</param>
    /// <param name="ExitStatus">For a signal: 128 and its number, as a shell reports it.</param>
    internal sealed record Cause(string Text, int ExitStatus);
}
