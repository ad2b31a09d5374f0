using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>Says that it may be worth to accept. One waits, on the thread pool; any thread sets. Set before somebody waits, it ends that wait at once.</summary>
internal sealed class AcceptSignal : IValueTaskSource
{
    private const int Idle = 0;
    private const int IsSet = 1;
    private const int Waiting = 2;

    private ManualResetValueTaskSourceCore<bool> _wait = new() { RunContinuationsAsynchronously = true };
    private int _state;

    /// <summary>Ends the wait, or the next one.</summary>
    public void Set()
    {
        if (Interlocked.Exchange(ref _state, IsSet) == Waiting)
        {
            _wait.SetResult(true);
        }
    }

    /// <summary>Returns when it is set. One at a time.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        await using (cancellationToken.UnsafeRegister(static signal => ((AcceptSignal)signal!).Set(), this).ConfigureAwait(false))
        {
            await WaitAsync().ConfigureAwait(false);
        }

        cancellationToken.ThrowIfCancellationRequested();
    }

    void IValueTaskSource.GetResult(short token)
    {
        _ = _wait.GetResult(token);
        // What was set since then is of before the accept that follows.
        Volatile.Write(ref _state, Idle);
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);

    private ValueTask WaitAsync()
    {
        _wait.Reset();
        if (Interlocked.CompareExchange(ref _state, Waiting, Idle) == Idle)
        {
            return new ValueTask(this, _wait.Version);
        }

        Volatile.Write(ref _state, Idle);
        return default;
    }
}
