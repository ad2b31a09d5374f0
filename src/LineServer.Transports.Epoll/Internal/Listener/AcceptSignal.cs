using System.Diagnostics.CodeAnalysis;
using System.Threading.Tasks.Sources;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Signals that an accept is worth a try. One waiter, on the listener's loop or on the thread pool; any
/// thread may set it. A set without a waiter ends the next wait at once.
/// </summary>
internal sealed class AcceptSignal(IWaitScheduler listener) : IValueTaskSource, IThreadPoolWorkItem
{
    private PipeWait _wait;
    private int _isSet;

    /// <summary>Ends the wait, or else the next one. Never runs the awaiter within this call.</summary>
    public void Set()
    {
        Interlocked.Exchange(ref _isSet, 1);
        _wait.Signal(listener, this);
    }

    /// <summary>On the loop, for an edge: like <see cref="Set"/>.</summary>
    /// <returns>True: the caller must call <see cref="Complete"/>, which runs the awaiter.</returns>
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

    /// <summary>On the loop: runs the awaiter of the wait that <see cref="TrySetInline"/> took.</summary>
    public void Complete() => _wait.End();

    /// <summary>On the loop, after a post.</summary>
    public void OnPosted()
    {
        if (!listener.RunsInline)
        {
            Set(); // queueing to the thread pool failed for lack of memory
        }
        else if (!_wait.TryRunLate() && _wait.TryTake())
        {
            _wait.End();
        }
    }

    /// <summary>Waits until it is set. Only one wait at a time.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        _wait.Watch(static signal => ((AcceptSignal)signal!).Set(), this, cancellationToken);
        _wait.Begin();
        do
        {
            if (Volatile.Read(ref _isSet) != 0)
            {
                // Not the token that Withdraw returns: one that was cancelled already leaves no registration.
                _ = _wait.Withdraw();
                End(cancellationToken);
                return default;
            }

            _wait.PutBack();
        }
        while (Volatile.Read(ref _isSet) != 0 && _wait.TryTake());
        return new ValueTask(this, _wait.Version);
    }

    /// <summary>
    /// Continues on the loop after other sources had their turn. Only for a listener that runs inline.
    /// </summary>
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
            // The awaiter threw and lost its accept; the next accept tries again.
        }
    }

    void IValueTaskSource.GetResult(short token) => End(_wait.GetResult(token));

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags, listener, this);

    private void End(CancellationToken cancellationToken)
    {
        // Discard earlier sets: the accept that follows is newer than they are.
        Interlocked.Exchange(ref _isSet, 0);
        cancellationToken.ThrowIfCancellationRequested();
    }
}
