namespace LineServer.Hosting.Internal;

/// <summary>Lets one message a second through and counts the others: what a client can cause must not fill the disk.</summary>
internal sealed class BoundedRateLog(TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private long _last;
    private bool _any;
    private int _suppressed;

    /// <param name="suppressed">Messages that were not let through since the last one that was.</param>
    /// <returns>True: log now.</returns>
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
}
