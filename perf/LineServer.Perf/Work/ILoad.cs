namespace LineServer.Perf.Work;

/// <summary>The connections of a closed or an open loop, and the work on them: in this process (<see cref="LocalLoad"/>), or divided over several.</summary>
internal interface ILoad : IDisposable
{
    /// <summary>Opens connections until there are so many; each has had one reply then.</summary>
    void Open(int connections);

    /// <summary>Looks whether all connections that nobody works on are still open.</summary>
    void CheckOpen();

    /// <summary>Works from now on until the first time, measures until the second, and waits for every reply; once.</summary>
    /// <param name="from">Of <see cref="Linux.Clock.Now"/>.</param>
    /// <param name="until">Of <see cref="Linux.Clock.Now"/>.</param>
    /// <param name="process">The server's, if it is known.</param>
    /// <exception cref="RunFailedException">A reply was wrong or lost, or a connection was.</exception>
    LoadResult Run(long from, long until, int? process);
}
