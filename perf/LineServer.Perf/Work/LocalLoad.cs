using LineServer.Perf.Linux;
using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <summary>A closed or an open loop in this process, on the calling thread.</summary>
/// <param name="server">The server's address.</param>
/// <param name="workload">
/// The workload. For other kinds than these two, only its connections are opened.
/// </param>
/// <param name="replyTimeout">If nothing arrives for this time, a reply is lost.</param>
/// <param name="firstNumber">
/// The number of the first connection. No two connections to a server should share a number.
/// </param>
internal sealed class LocalLoad(
    TargetAddress server, Workload workload, TimeSpan replyTimeout, int firstNumber = 0) : ILoad
{
    private readonly ConnectionSet _connections = new(
        server, workload.Connections, workload.Lines, replyTimeout, firstNumber);

    /// <summary>Called when the measured interval begins; the result is disposed when it has ended.</summary>
    public Func<IDisposable>? Watch { get; init; }

    public void Open(int connections) => _connections.Open(connections);

    public void CheckOpen() => _connections.CheckOpen();

    public LoadResult Run(long from, long until, int? process) =>
        workload.Kind == WorkloadKind.OpenLoop
            ? RunOpenLoop(from, until, process)
            : RunClosedLoop(from, until, process);

    public void Dispose() => _connections.Dispose();

    private LoadResult RunClosedLoop(long from, long until, int? process)
    {
        var loop = new ClosedLoop(_connections, workload.Window);
        loop.Run(from);
        FinishBeforeReading(loop.Finish, process);
        loop.Latency.Clear();
        using IDisposable? watched = Watch?.Invoke();
        long before = _connections.CountReplies();
        var interval = Interval.Begin(process);
        loop.Run(End(from, until, process));

        // The interval ends as it began, with nothing in flight: so the server's CPU time and the replies
        // belong to the same lines, even with thousands of connections.
        FinishBeforeReading(loop.Finish, process);
        Measurement measured = interval.End() with { Lines = _connections.CountReplies() - before };
        loop.Finish();

        // Nothing is outstanding: anything that arrives now is surplus.
        _connections.CheckOpen();
        return new(measured, loop.Latency, FromDue: null);
    }

    private LoadResult RunOpenLoop(long from, long until, int? process)
    {
        var loop = new OpenLoop(_connections, workload.Window, workload.Rate);
        loop.Run(from);
        FinishBeforeReading(loop.Finish, process);
        loop.ClearCounts();
        using IDisposable? watched = Watch?.Invoke();
        long before = _connections.CountReplies();
        var interval = Interval.Begin(process);
        loop.Run(End(from, until, process));
        interval.Stop();
        long lines = _connections.CountReplies() - before;
        loop.Finish();
        _connections.CheckOpen();
        return new(interval.End() with { Lines = lines, LateLines = loop.LateLines }, loop.FromSent, loop.FromDue);
    }

    // Reading the server's counters may take many milliseconds, because it visits every descriptor. Replies
    // in flight would seem slow, so there must be none. Without a process nothing is read.
    private static void FinishBeforeReading(Action finish, int? process)
    {
        if (process is not null)
        {
            finish();
        }
    }

    // The interval begins after that. Without a process, other processes measure the same interval, so its
    // end is fixed.
    private static long End(long from, long until, int? process) => process is null ? until : Clock.Now + until - from;
}
