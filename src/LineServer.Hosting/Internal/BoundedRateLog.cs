namespace LineServer.Hosting.Internal;

/// <summary>Lets one message a second through and counts the others: what a client can cause must not fill the disk.</summary>
internal sealed class BoundedRateLog(TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private long _last;
    private bool _any;
    private int _suppressed;

    /// <param name="suppressed">Messages that were held back since the last one, if this one may be logged.</param>
    /// <returns>True: log now. False: the message was counted, and <see cref="TakeSuppressed"/> tells.</returns>
    public bool TryEnter(out int suppressed)
    {
        lock (_gate)
        {
            if (_any && time.GetElapsedTime(_last) < Interval)
            {
                suppressed = ++_suppressed;
                return false;
            }

            _any = true;
            _last = time.GetTimestamp();
            suppressed = _suppressed;
            _suppressed = 0;
            return true;
        }
    }

    /// <summary>Messages that were held back and that no other message has told of; each is told once.</summary>
    public int TakeSuppressed()
    {
        lock (_gate)
        {
            int suppressed = _suppressed;
            _suppressed = 0;
            return suppressed;
        }
    }
}
