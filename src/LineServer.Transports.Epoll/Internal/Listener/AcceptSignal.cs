using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Says that an accept may be worth a try. One waits, on the listener's loop or on the thread pool; any thread sets. A
/// set that comes before a wait ends that wait at once.
/// </summary>
internal sealed class AcceptSignal(IWaitScheduler listener) : IValueTaskSource, IThreadPoolWorkItem
{
    private PipeWait _wait;
    private int _isSet;

    /// <summary>Ends the wait, or the next one. Never runs the awaiter within the caller.</summary>
    public void Set()
    {
        Interlocked.Exchange(ref _isSet, 1);
        _wait.Signal(listener, this);
    }

    /// <summary>On the loop, by an edge: as <see cref="Set"/>.</summary>
    /// <returns>True: the caller calls <see cref="Complete"/>, which runs the awaiter.</returns>
    public bool TrySetInline()
    {
        if (!listener.RunsInline)
        {
            Set();
            return false;
        }

        Interlocked.Exchange(ref _isSet, 1);
        return _wait.TryTake();
    }

    /// <summary>On the loop: runs the awaiter of the wait that <see cref="TrySetInline"/> has taken.</summary>
    public void Complete() => _wait.End();

    /// <summary>On the loop, after a post.</summary>
    public void OnPosted()
    {
        if (!listener.RunsInline)
        {
            Set(); // for want of memory, a worker of the thread pool could not be asked
        }
        else if (!_wait.TryRunLate() && _wait.TryTake())
        {
            _wait.End();
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

    /// <summary>Returns on the loop, when other sources have had their turn. Only where the listener runs inline.</summary>
    public ValueTask YieldAsync()
    {
        _wait.Begin();
        _wait.PutBack();
        listener.Post();
        return new ValueTask(this, _wait.Version);
    }

    [SuppressMessage("Design", "CA1031", Justification = "On the thread pool it would end the process.")]
    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            if (!_wait.TryRunLate())
            {
                _wait.End();
            }
        }
        catch (Exception)
        {
            // An awaiter that throws has lost its accept; the next accept is another chance.
        }
    }

    void IValueTaskSource.GetResult(short token)
    {
        _ = _wait.GetResult(token);
        // What was set until now is older than the accept that follows.
        Interlocked.Exchange(ref _isSet, 0);
    }

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags, listener, this);

    private ValueTask WaitAsync()
    {
        _wait.Begin();
        do
        {
            if (Volatile.Read(ref _isSet) != 0)
            {
                _ = _wait.Withdraw();
                Interlocked.Exchange(ref _isSet, 0);
                return default;
            }

            _wait.PutBack();
        }
        while (Volatile.Read(ref _isSet) != 0 && _wait.TryTake());
        return new ValueTask(this, _wait.Version);
    }
}
