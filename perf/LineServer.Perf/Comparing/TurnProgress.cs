namespace LineServer.Perf.Comparing;

/// <summary>
/// The progress of a comparison on a terminal. The remaining time is estimated from the turns that are done.
/// </summary>
/// <param name="planned">Turns of all servers, in all rounds of all workloads.</param>
/// <param name="isShown">False to show nothing.</param>
/// <param name="time">The clock.</param>
internal sealed class TurnProgress(int planned, bool isShown, TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private int _begun;

    /// <summary>Counts a turn that begins.</summary>
    /// <returns>The end of the turn's line; empty if nothing is shown.</returns>
    public string Next()
    {
        int over = _begun++;
        if (!isShown)
        {
            return "";
        }

        TimeSpan elapsed = time.GetElapsedTime(_start);
        string left = over == 0 ? "" : $", about {LiveProgress.Text(elapsed / over * (planned - over))} left";
        return $" (turn {_begun} of {planned}, {LiveProgress.Text(elapsed)} elapsed{left})";
    }
}
