namespace LineServer.Perf.Comparing;

/// <summary>How far a comparison is, for somebody who watches: the turns that are over say how long those that are left will take.</summary>
/// <param name="planned">Turns of all servers, in all rounds of all workloads.</param>
/// <param name="isShown">False: nothing is said.</param>
/// <param name="time">The clock.</param>
internal sealed class TurnProgress(int planned, bool isShown, TimeProvider time)
{
    private readonly long _start = time.GetTimestamp();
    private int _begun;

    /// <summary>Counts a turn that begins.</summary>
    /// <returns>What its line ends with: nothing where nobody watches.</returns>
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
