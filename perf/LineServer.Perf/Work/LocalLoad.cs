using LineServer.Perf.Linux;
using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <summary>A closed or an open loop in this process, on the calling thread.</summary>
/// <param name="server">Where it is.</param>
/// <param name="workload">What is done; of other kinds only the connections are opened.</param>
/// <param name="replyTimeout">When nothing comes for so long, a reply was lost.</param>
/// <param name="firstNumber">The number of the first connection: no two connections to a server should have the same.</param>
internal sealed class LocalLoad(TargetAddress server, Workload workload, TimeSpan replyTimeout, int firstNumber = 0) : ILoad
{
    private readonly ConnectionSet _connections = new(server, workload.Connections, workload.Lines, replyTimeout, firstNumber);

    /// <summary>Called when the measured interval begins; what it gives is disposed when that has ended.</summary>
    public Func<IDisposable>? Watch { get; init; }

    public void Open(int connections) => _connections.Open(connections);

    public void CheckOpen() => _connections.CheckOpen();

    public LoadResult Run(long from, long until, int? process) => workload.Kind == WorkloadKind.OpenLoop ? RunOpenLoop(from, until, process) : RunClosedLoop(from, until, process);

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

        // As it began: from nothing under way to nothing under way, what the server did and the replies that came are of the same lines, also of thousands.
        FinishBeforeReading(loop.Finish, process);
        Measurement measured = interval.End() with { Lines = _connections.CountReplies() - before };
        loop.Finish();

        // Nothing is awaited: what came now would be nobody's reply.
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

    // To read what a server's process has used may take many milliseconds (it looks at every descriptor): nothing is under way then, or it would seem slow.
    // Without a process nothing is read.
    private static void FinishBeforeReading(Action finish, int? process)
    {
        if (process is not null)
        {
            finish();
        }
    }

    // The time begins when that is done. Without a process, others measure the same time: it stays as it is.
    private static long End(long from, long until, int? process) => process is null ? until : Clock.Now + until - from;
}
