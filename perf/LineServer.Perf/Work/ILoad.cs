namespace LineServer.Perf.Work;

/// <summary>
/// The connections of a closed or an open loop, and the work on them: in this process (<see
/// cref="LocalLoad"/>), or divided over several.
/// </summary>
internal interface ILoad : IDisposable
{
    /// <summary>
    /// Opens connections until there are <paramref name="connections"/>. Each has then had one reply.
    /// </summary>
    void Open(int connections);

    /// <summary>Checks that connections that expect nothing are still open.</summary>
    void CheckOpen();

    /// <summary>
    /// Works from now on until the first time, measures until the second, and waits for every reply. For one
    /// call.
    /// </summary>
    /// <param name="from">The start of the interval, in <see cref="Linux.Clock.Now"/>.</param>
    /// <param name="until">The end of the interval, in <see cref="Linux.Clock.Now"/>.</param>
    /// <param name="process">The server's process; null if it is not known.</param>
    /// <exception cref="RunFailedException">A reply was wrong or lost, or a connection was lost.</exception>
    LoadResult Run(long from, long until, int? process);
}
