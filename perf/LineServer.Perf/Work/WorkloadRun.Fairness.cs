using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using LineServer.Perf.Linux;
using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <content>Connections without and then with others that send too much or read too little.</content>
internal sealed partial class WorkloadRun
{
    private const int FloodWindowBytes = 1024 * 1024;

    // If nothing more is taken for this time, the server and the kernel are full.
    private static readonly TimeSpan FullAfter = TimeSpan.FromSeconds(0.5);

    private Measurement MeasureSlowReaders(Workload workload)
    {
        Workload fast = workload with { Kind = WorkloadKind.ClosedLoop };
        Measurement without = MeasureLoop(fast);
        using var connections = new ConnectionSet(
            server, workload.SlowConnections, LineSizes.Same(workload.SlowLineSize), ReplyTimeout, BesideNumber);
        connections.Open();
        var slow = new UnreadLoop(connections, workload.SlowWindow);
        long taken = slow.Fill(FullAfter);
        Measurement with = MeasureLoop(fast);
        slow.Finish();
        return with with { WithoutSlowReaders = without, UnreadBytes = taken };
    }

    private Measurement MeasureFlood(Workload workload)
    {
        Workload quiet = workload with { Kind = WorkloadKind.OpenLoop };
        Measurement without = MeasureLoop(quiet);
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
            with = MeasureLoop(quiet);
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

    // Runs only while the quiet connections' thread is idle (SCHED_IDLE: sched(7)): on a shared core, the
    // flood itself would otherwise delay them.
    private long Flood(int lineSize, CancellationToken stop)
    {
        int priority = 0;
        unsafe
        {
            if (MeasuringCalls.SetScheduler(0, MeasuringCalls.SchedulingIdle, &priority) != 0)
            {
                throw new RunFailedException($"cannot run in the background: errno {Marshal.GetLastSystemError()}");
            }
        }

        using var connections = new ConnectionSet(
            server, connections: 1, LineSizes.Same(lineSize), ReplyTimeout, BesideNumber);
        connections.Open();
        var loop = new ClosedLoop(connections, FloodWindowBytes / lineSize);
        loop.Run(long.MaxValue, stop);
        loop.Finish();
        return connections.CountReplies();
    }
}
