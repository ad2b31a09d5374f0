namespace LineServer.Hosting.Internal;

/// <summary>
/// Lets one message a second through and counts the others, so that a client cannot fill the disk with log
/// messages.
/// </summary>
internal sealed class BoundedRateLog(TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private long _last;
    private bool _any;
    private int _suppressed;

    /// <param name="suppressed">The number of messages suppressed since the last one that was logged.</param>
    /// <returns>
    /// True: log the message. False: the message was counted; <see cref="TakeSuppressed"/> returns the count.
    /// </returns>
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

    /// <summary>
    /// Returns the number of suppressed messages that were not reported yet, and resets it.
    /// </summary>
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
