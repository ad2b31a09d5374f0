using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// A wait that is used again and again: what <see cref="ManualResetValueTaskSourceCore{TResult}"/> is, but for one thing. Who awaits a wait that has
/// just ended is queued to the thread pool there; here the owner is asked, for a reader that was promised to go on on its loop must not be carried off by that
/// race.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal struct PipeWait
{
    private const int Pending = 0; // nobody awaits yet
    private const int Awaited = 1;
    private const int Ended = 2;

    private Action<object?>? _continuation;
    private object? _state;
    private int _phase;
    private short _version;
    private CancellationTokenRegistration _registration;

    /// <summary>Tells one wait from the next.</summary>
    public readonly short Version => _version;

    private readonly bool HasEnded => Volatile.Read(in _phase) == Ended;

    /// <summary>Begins the next wait.</summary>
    public void Reset()
    {
        _version++;
        _state = null;
        _continuation = null;
        _phase = Pending;
    }

    /// <summary>Has <paramref name="onCancelled"/> called if the token is cancelled during the wait. Before the wait is published: whoever ends it finds this.</summary>
    public void Watch(Action<object?> onCancelled, object owner, CancellationToken cancellationToken)
    {
        if (cancellationToken.CanBeCanceled)
        {
            _registration = cancellationToken.UnsafeRegister(onCancelled, owner);
        }
    }

    /// <summary>No call comes any more: waits for one that is running, for it must not be taken for the next wait's.</summary>
    /// <returns>The token.</returns>
    public CancellationToken EndWatch()
    {
        if (_registration == default)
        {
            return default;
        }

        CancellationToken cancellationToken = _registration.Token;
        _registration.Dispose();
        _registration = default;
        return cancellationToken;
    }

    /// <summary>Ends the wait: runs what awaits it, here.</summary>
    public void End()
    {
        // One word tells it. If nobody awaits yet, the wait may be over from then on, and the next one begun: nothing is touched after it.
        int former = Interlocked.Exchange(ref _phase, Ended);
        Debug.Assert(former != Ended, "a wait ends once");
        if (former == Awaited)
        {
            _continuation!(_state);
        }
    }

    /// <exception cref="InvalidOperationException">The token is of another wait.</exception>
    public readonly ValueTaskSourceStatus GetStatus(short token)
    {
        Check(token);
        return HasEnded ? ValueTaskSourceStatus.Succeeded : ValueTaskSourceStatus.Pending;
    }

    /// <exception cref="InvalidOperationException">The token is of another wait, or the wait goes on.</exception>
    public readonly void GetResult(short token)
    {
        Check(token);
        if (!HasEnded)
        {
            throw new InvalidOperationException("The operation has not ended yet.");
        }
    }

    /// <summary>Somebody awaits. False: the wait has ended meanwhile, and the caller sees to it that <see cref="RunLate"/> is called, elsewhere.</summary>
    /// <exception cref="InvalidOperationException">The token is of another wait, or somebody else awaits it.</exception>
    public bool OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        Check(token);
        if (flags != ValueTaskSourceOnCompletedFlags.None && HasContext(flags))
        {
            (continuation, state) = WithContext(continuation, state, flags);
        }

        if (_phase == Awaited)
        {
            throw new InvalidOperationException("Only one may await.");
        }

        _state = state;
        _continuation = continuation;
        return Interlocked.CompareExchange(ref _phase, Awaited, Pending) == Pending;
    }

    /// <summary>Runs what came too late for <see cref="End"/>.</summary>
    public readonly void RunLate() => _continuation!(_state);

    // Asked for by every await without ConfigureAwait(false), and nearly always there is none. Apart from WithContext, whose closures are allocated as it is entered.
    // Not HasFlag: before the JIT has optimized it, that boxes.
    private static bool HasContext(ValueTaskSourceOnCompletedFlags flags) =>
        (flags & ValueTaskSourceOnCompletedFlags.FlowExecutionContext) != ValueTaskSourceOnCompletedFlags.None || SynchronizationContext.Current is not null || TaskScheduler.Current != TaskScheduler.Default;

    // Async methods flow their execution context themselves, and few wait within a synchronization context: the rule is that nothing is wrapped.
    private static (Action<object?> Continuation, object? State) WithContext(Action<object?> continuation, object? state, ValueTaskSourceOnCompletedFlags flags)
    {
        Action<object?> run = continuation;
        if (flags.HasFlag(ValueTaskSourceOnCompletedFlags.FlowExecutionContext) && ExecutionContext.Capture() is { } context)
        {
            run = state => ExecutionContext.Run(context, state => continuation(state), state);
        }

        if (!flags.HasFlag(ValueTaskSourceOnCompletedFlags.UseSchedulingContext))
        {
            return (run, state);
        }

        Action<object?> flowing = run;
        if (SynchronizationContext.Current is { } synchronization && synchronization.GetType() != typeof(SynchronizationContext))
        {
#pragma warning disable VSTHRD001 // What awaits has asked for this context.
            run = state => synchronization.Post(state => flowing(state), state);
#pragma warning restore VSTHRD001
        }
        else if (TaskScheduler.Current is var scheduler && scheduler != TaskScheduler.Default)
        {
            run = state => _ = Task.Factory.StartNew(flowing, state, CancellationToken.None, TaskCreationOptions.DenyChildAttach, scheduler);
        }

        return (run, state);
    }

    private readonly void Check(short token)
    {
        if (token != _version)
        {
            throw new InvalidOperationException("The result was taken already.");
        }
    }
}
