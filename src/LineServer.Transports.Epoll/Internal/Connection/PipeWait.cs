using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// The reusable wait of a read, a flush or an accept. Its scheduler decides where the awaiter runs: on the
/// event loop or on the thread pool.
/// </summary>
/// <remarks>
/// <code>
/// state     meaning                                  left by
/// Idle      nobody waits                             Begin → Taken
/// Taken     one thread alone looks for a result      PutBack → Waiting, End → Ended, Withdraw → Idle
/// Waiting   any thread may take the wait             TryTake → Taken
/// Ended     the result may be taken                  GetResult → Idle, OnCompleted → Late
/// Late      awaited after its end, and scheduled     TryRunLate → Ended
/// </code>
/// Waiting and Taken may carry Awaited: the awaiter is known. Only the consumer calls Begin, Withdraw,
/// OnCompleted and GetResult. A thread that has taken a wait must end it or put it back, whatever happens in
/// between.
/// <para>
/// A thread with a reason to end the wait writes the reason, then reads the state. A thread that puts the
/// wait back writes the state, then reads the reasons. Both have a full fence in between, so at least one of
/// them sees the other.
/// </para>
/// <para>
/// <see cref="ManualResetValueTaskSourceCore{TResult}"/> would queue a late awaiter to the thread pool, and
/// so carry an inline reader off its loop for good.
/// </para>
/// </remarks>
[StructLayout(LayoutKind.Auto)]
internal struct PipeWait
{
    private const int Idle = 0;
    private const int Waiting = 1;
    private const int Taken = 2;
    private const int Ended = 3;
    private const int Late = 4;
    private const int Awaited = 8;

    private Action<object?>? _continuation;
    private object? _awaiter;
    private int _state;
    private short _version;
    private StrongBox<CancellationTokenRegistration>? _registration; // boxed because few waits watch a token

    /// <summary>Distinguishes one wait from the next.</summary>
    public readonly short Version => _version;

    /// <summary>True if nobody waits and no result is left to take.</summary>
    public readonly bool IsIdle => Volatile.Read(in _state) == Idle;

    /// <summary>
    /// Calls <paramref name="onCancelled"/> if the token is cancelled. Call it before <see cref="Begin"/>:
    /// then whoever ends the wait finds the registration, and an exception here leaves no wait behind.
    /// </summary>
    public void Watch(Action<object?> onCancelled, object owner, CancellationToken cancellationToken)
    {
        if (cancellationToken.CanBeCanceled)
        {
            var box = new StrongBox<CancellationTokenRegistration>();
            box.Value = cancellationToken.UnsafeRegister(onCancelled, owner);
            _registration = box;
        }
    }

    /// <summary>
    /// Idle → Taken: the consumer looks for a result, and puts the wait back if there is none.
    /// </summary>
    public void Begin()
    {
        Debug.Assert(_state == Idle, "one wait at a time");
        _version++;
        _continuation = null;
        _awaiter = null;
        Volatile.Write(ref _state, Taken);
    }

    /// <summary>Taken → Idle: the consumer found a result, so it hands out no wait.</summary>
    /// <returns>The token that was watched.</returns>
    public CancellationToken Withdraw()
    {
        Debug.Assert(_state == Taken, "a wait is withdrawn by its consumer before it is handed out");
        CancellationToken cancellationToken = EndWatch();
        Volatile.Write(ref _state, Idle);
        return cancellationToken;
    }

    /// <summary>Waiting → Taken: only the caller may now end the wait.</summary>
    public bool TryTake()
    {
        while (true)
        {
            int state = Volatile.Read(ref _state);
            if ((state & ~Awaited) != Waiting)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _state, state + (Taken - Waiting), state) == state)
            {
                return true;
            }
        }
    }

    /// <summary>
    /// Taken → Waiting: there is no result. The caller must check for reasons again afterwards.
    /// </summary>
    public void PutBack()
    {
        int state = Interlocked.Add(ref _state, Waiting - Taken);
        Debug.Assert((state & ~Awaited) == Waiting, "only who has taken a wait puts it back");
    }

    /// <summary>Taken → Ended. Runs the awaiter, if known, before it returns.</summary>
    public void End()
    {
        // Without an awaiter, the consumer may take the result and begin the next wait at once, so touch
        // nothing afterwards.
        int former = Interlocked.Exchange(ref _state, Ended);
        Debug.Assert((former & ~Awaited) == Taken, "only who has taken a wait ends it");
        if ((former & Awaited) != 0)
        {
            _continuation!(_awaiter);
        }
    }

    /// <summary>
    /// Late → Ended. Runs the late awaiter before it returns. Returns false if there is none.
    /// </summary>
    public bool TryRunLate()
    {
        if (Volatile.Read(ref _state) != Late || Interlocked.CompareExchange(ref _state, Ended, Late) != Late)
        {
            return false;
        }

        _continuation!(_awaiter);
        return true;
    }

    /// <summary>
    /// Makes the owner check the wait where its awaiter belongs. Call it on any thread, after writing a
    /// reason to end the wait. The awaiter never runs within the call, because the caller may hold locks and
    /// its stack may be deep.
    /// </summary>
    public void Signal(IWaitScheduler scheduler, IThreadPoolWorkItem owner)
    {
        if ((Volatile.Read(ref _state) & ~Awaited) != Waiting)
        {
            return;
        }

        if (scheduler.RunsInline)
        {
            scheduler.Post(); // the loop takes the wait
        }
        else if (TryTake())
        {
            Queue(scheduler, owner);
        }
    }

    /// <summary>Queues a taken wait to the thread pool, where the owner ends it.</summary>
    public void Queue(IWaitScheduler scheduler, IThreadPoolWorkItem owner)
    {
        try
        {
            ThreadPool.UnsafeQueueUserWorkItem(owner, preferLocal: false);
        }
        catch (OutOfMemoryException)
        {
            // Posting needs no memory, so let the loop try again.
            PutBack();
            scheduler.Post();
        }
    }

    /// <exception cref="InvalidOperationException">The token belongs to another wait.</exception>
    public readonly ValueTaskSourceStatus GetStatus(short token)
    {
        Check(token);
        return Volatile.Read(in _state) is Ended or Late ? ValueTaskSourceStatus.Succeeded : ValueTaskSourceStatus.Pending;
    }

    /// <summary>Ended → Idle.</summary>
    /// <returns>The token that was watched.</returns>
    /// <exception cref="InvalidOperationException">
    /// The token belongs to another wait, or the wait has not ended.
    /// </exception>
    public CancellationToken GetResult(short token)
    {
        Check(token);
        if (Volatile.Read(ref _state) is not (Ended or Late))
        {
            throw new InvalidOperationException("The operation has not ended yet.");
        }

        CancellationToken cancellationToken = EndWatch();
        Volatile.Write(ref _state, Idle);
        return cancellationToken;
    }

    /// <summary>
    /// Sets the awaiter. If the wait has ended already, schedules the awaiter for <see cref="TryRunLate"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// The token belongs to another wait, or the wait has an awaiter already.
    /// </exception>
    public void OnCompleted(
        Action<object?> continuation,
        object? awaiter,
        short token,
        ValueTaskSourceOnCompletedFlags flags,
        IWaitScheduler scheduler,
        IThreadPoolWorkItem owner)
    {
        Check(token);
        if (flags != ValueTaskSourceOnCompletedFlags.None && HasContext(flags))
        {
            (continuation, awaiter) = WithContext(continuation, awaiter, flags);
        }

        int state = Volatile.Read(ref _state);
        if ((state & Awaited) != 0 || state is Late or Idle)
        {
            throw new InvalidOperationException("Only one may await.");
        }

        _awaiter = awaiter;
        _continuation = continuation;
        while (true)
        {
            int next = state == Ended ? Late : state | Awaited;
            int found = Interlocked.CompareExchange(ref _state, next, state);
            if (found == state)
            {
                break;
            }

            state = found;
        }

        if (state != Ended)
        {
            return;
        }

        if (scheduler.RunsInline)
        {
            scheduler.Post();
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(owner, preferLocal: false);
        }
    }

    // Every await without ConfigureAwait(false) asks for a context, and there hardly ever is one. Separate
    // from WithContext, whose closures are allocated on entry. Not HasFlag, which boxes until the JIT has
    // optimized it.
    private static bool HasContext(ValueTaskSourceOnCompletedFlags flags) =>
        (flags & ValueTaskSourceOnCompletedFlags.FlowExecutionContext) != ValueTaskSourceOnCompletedFlags.None
        || SynchronizationContext.Current is not null
        || TaskScheduler.Current != TaskScheduler.Default;

    // Async methods flow their execution context themselves, and few await within a synchronization context.
    private static (Action<object?> Continuation, object? Awaiter) WithContext(
        Action<object?> continuation,
        object? awaiter,
        ValueTaskSourceOnCompletedFlags flags)
    {
        Action<object?> run = continuation;
        if (flags.HasFlag(ValueTaskSourceOnCompletedFlags.FlowExecutionContext) && ExecutionContext.Capture() is { } context)
        {
            run = state => ExecutionContext.Run(context, state => continuation(state), state);
        }

        if (!flags.HasFlag(ValueTaskSourceOnCompletedFlags.UseSchedulingContext))
        {
            return (run, awaiter);
        }

        Action<object?> flowing = run;
        if (SynchronizationContext.Current is { } synchronization && synchronization.GetType() != typeof(SynchronizationContext))
        {
#pragma warning disable VSTHRD001 // The awaiter has asked for this context.
            run = state => synchronization.Post(state => flowing(state), state);
#pragma warning restore VSTHRD001
        }
        else if (TaskScheduler.Current is var scheduler && scheduler != TaskScheduler.Default)
        {
            run = state => _ = Task.Factory.StartNew(flowing, state, CancellationToken.None, TaskCreationOptions.DenyChildAttach, scheduler);
        }

        return (run, awaiter);
    }

    // Disposing waits for a running callback, so that the next wait does not mistake it for its own.
    private CancellationToken EndWatch()
    {
        if (_registration is not { Value: var registration })
        {
            return default;
        }

        CancellationToken cancellationToken = registration.Token;
        registration.Dispose();
        _registration = null;
        return cancellationToken;
    }

    private readonly void Check(short token)
    {
        if (token != _version)
        {
            throw new InvalidOperationException("The result was taken already.");
        }
    }
}
