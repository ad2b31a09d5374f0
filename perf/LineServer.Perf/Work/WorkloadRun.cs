using System.Net;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using LineServer.Perf.Linux;
using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <summary>Runs a workload against a server that listens: open the connections, warm up, measure, get every reply that is due, close.</summary>
/// <param name="server">Where it listens.</param>
/// <param name="process">Its process; null when it is not known.</param>
internal sealed class WorkloadRun(IPEndPoint server, int? process)
{
    private const int WarmUpConnections = 50;
    private const int FloodWindowBytes = 1024 * 1024;

    /// <summary>How long the same work runs before it is measured.</summary>
    public required TimeSpan WarmUp { get; init; }

    /// <summary>How long it is measured.</summary>
    public required TimeSpan Time { get; init; }

    /// <summary>When nothing comes for so long, a reply was lost.</summary>
    public TimeSpan ReplyTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Of idle connections: until the memory is looked at.</summary>
    public TimeSpan SettleTime { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Called when the warm-up is over; what it gives is disposed when the interval has ended, before the connections are closed.</summary>
    public Func<IDisposable>? Watch { get; init; }

    /// <exception cref="RunFailedException">A reply was wrong or lost, a connection was lost, or the server is gone.</exception>
    public Measurement Measure(Workload workload)
    {
        // So that a wait for the next line's time ends then, and not 50 µs later: prctl(2).
        _ = Libc.ControlProcess(Libc.SetTimerSlack, 1, 0, 0, 0);

        // No collection falls into the interval because of what was done before it.
        GC.Collect();
        return workload.Kind switch
        {
            WorkloadKind.ClosedLoop => MeasureClosedLoop(workload, WarmUp, Time),
            WorkloadKind.OpenLoop => MeasureOpenLoop(workload, WarmUp),
            WorkloadKind.Idle => MeasureIdle(workload),
            _ => MeasureFlood(workload),
        };
    }

    private Measurement MeasureClosedLoop(Workload workload, TimeSpan warmUp, TimeSpan time)
    {
        using ConnectionSet connections = Open(workload.Connections, workload.LineSize);
        var loop = new ClosedLoop(connections, workload.Window);
        loop.Run(After(warmUp));
        loop.Latency.Clear();
        using IDisposable? watched = Watch?.Invoke();
        long before = connections.ReceivedBytes;
        var interval = Interval.Begin(process);
        loop.Run(After(time));
        Measurement measured = interval.End() with { Lines = (connections.ReceivedBytes - before) / workload.LineSize, FromSent = Latencies.Of(loop.Latency) };
        loop.Finish();
        return measured;
    }

    private Measurement MeasureOpenLoop(Workload workload, TimeSpan warmUp)
    {
        using ConnectionSet connections = Open(workload.Connections, workload.LineSize);
        var loop = new OpenLoop(connections, workload.Window, workload.Rate);
        loop.Run(After(warmUp));
        loop.ClearCounts();
        using IDisposable? watched = Watch?.Invoke();
        long before = connections.ReceivedBytes;
        var interval = Interval.Begin(process);
        loop.Run(After(Time));
        Measurement measured = interval.End() with { Lines = (connections.ReceivedBytes - before) / workload.LineSize };
        loop.Finish();
        return measured with { FromSent = Latencies.Of(loop.FromSent), FromDue = Latencies.Of(loop.FromDue), LateLines = loop.LateLines };
    }

    // What the server's own start costs (code compiled at its first connection, its first buffers) is no connection's memory: some connections work
    // for the warm-up, and are gone, before the memory is looked at.
    private Measurement MeasureIdle(Workload workload)
    {
        int known = process ?? throw new UsageException($"'{workload.Name}' looks at the server's memory: it needs its process (--pid)");
        if (WarmUp > TimeSpan.Zero)
        {
            _ = MeasureClosedLoop(workload with { Connections = Math.Min(WarmUpConnections, workload.Connections) }, WarmUp, TimeSpan.Zero);
            Thread.Sleep(SettleTime);
        }

        long before = ProcessUse.Of(known).ResidentBytes;
        using ConnectionSet connections = Open(workload.Connections, workload.LineSize);
        var interval = Interval.Begin(process);
        Thread.Sleep(SettleTime);
        Measurement measured = interval.End();

        // One that was closed meanwhile holds no memory.
        int ready = connections.Queue.Wait(0);
        for (int i = 0; i < ready; i++)
        {
            _ = connections.Receive(connections.Queue.Connection(i), connections.Queue.Events(i));
        }

        return measured with { BytesPerConnection = (measured.ServerResidentBytes - before) / (double)workload.Connections };
    }

    private Measurement MeasureFlood(Workload workload)
    {
        Measurement without = MeasureOpenLoop(workload, WarmUp);
        using var stop = new CancellationTokenSource();
        Exception? failure = null;
        long lines = 0;
        var thread = new Thread(() =>
        {
            try
            {
                lines = Flood(workload.LineSize, stop.Token);
            }
            catch (RunFailedException e)
            {
                failure = new RunFailedException($"the flooding connection: {e.Message}");
            }
        })
        { Name = "flood" };
        long start = Clock.Now;
        thread.Start();
        Measurement with;
        try
        {
            with = MeasureOpenLoop(workload, WarmUp / 2);
        }
        finally
        {
            stop.Cancel();
            thread.Join();
        }

        double seconds = (Clock.Now - start) / 1e9;
        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }

        return with with { WithoutFlood = without, FloodLinesPerSecond = lines / seconds };
    }

    // Runs only when the quiet connections' thread has nothing to do (SCHED_IDLE: sched(7)): on one core it would otherwise be in their way itself.
    private long Flood(int lineSize, CancellationToken stop)
    {
        int priority = 0;
        unsafe
        {
            if (Libc.SetScheduler(0, Libc.SchedulingIdle, &priority) != 0)
            {
                throw new RunFailedException($"cannot run in the background: errno {Marshal.GetLastSystemError()}");
            }
        }

        using ConnectionSet connections = Open(1, lineSize);
        var loop = new ClosedLoop(connections, FloodWindowBytes / lineSize);
        loop.Run(long.MaxValue, stop);
        loop.Finish();
        return connections.ReceivedBytes / lineSize;
    }

    private ConnectionSet Open(int count, int lineSize)
    {
        var connections = new ConnectionSet(count, lineSize, ReplyTimeout);
        try
        {
            connections.Open(server);
            return connections;
        }
        catch
        {
            connections.Dispose();
            throw;
        }
    }

    private static long After(TimeSpan time) => Clock.Now + (long)time.TotalNanoseconds;
}
