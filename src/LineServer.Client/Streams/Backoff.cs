namespace LineServer.Client.Streams;

/// <summary>
/// The pauses between attempts: each twice as long as the one before, up to 30 s, and each between half and one and a
/// half times that, so that the clients of a server that restarts do not come back together.
/// </summary>
internal sealed class Backoff(Random random)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    private TimeSpan _pause = First;

    /// <summary>The next pause.</summary>
    /// <param name="atLeast">The time that the server asks for; null where it does not.</param>
    public TimeSpan Next(TimeSpan? atLeast)
    {
        TimeSpan jittered = _pause * (0.5 + random.NextDouble());
        _pause = _pause * 2 < Longest ? _pause * 2 : Longest;
        return (atLeast ?? TimeSpan.Zero) + jittered;
    }

    /// <summary>Called when an attempt came further than the one before.</summary>
    public void Reset() => _pause = First;
}
