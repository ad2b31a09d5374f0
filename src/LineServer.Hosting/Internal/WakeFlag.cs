namespace LineServer.Hosting.Internal;

/// <summary>
/// A wake-up that any thread requests and the connection's loop takes. Requests before it is taken are one.
/// </summary>
/// <remarks>
/// <code>
///             TrySet             TryTake            End
/// Idle      → Requested (true)   (false)          → Over (false)
/// Requested   (false)          → Idle (true)      → Over (true)
/// Over        (false)            (false)            (false)
/// </code>
/// Each transition is a full barrier, also one that changes nothing: what a thread wrote before its request is seen by whoever
/// takes the request.
/// </remarks>
internal struct WakeFlag
{
    private State _state;

    private enum State
    {
        Idle,
        Requested,
        Over,
    }

    /// <summary>True if a request has not been taken.</summary>
    public readonly bool IsSet => _state == State.Requested;

    /// <summary>Requests a wake-up. True if the loop has to be woken for it.</summary>
    public bool TrySet() => Interlocked.CompareExchange(ref _state, State.Requested, State.Idle) == State.Idle;

    /// <summary>For the loop: takes the request, if there is one.</summary>
    public bool TryTake() => Interlocked.CompareExchange(ref _state, State.Idle, State.Requested) == State.Requested;

    /// <summary>For the loop: no further request is accepted. True if there was one.</summary>
    public bool End() => Interlocked.Exchange(ref _state, State.Over) == State.Requested;
}
