using LineServer.Perf.Linux;

namespace LineServer.Perf.Work;

/// <content>A number of connections from the start: the cost to open, hold and use them.</content>
internal sealed partial class WorkloadRun
{
    // Time for old threads to end, and for new ones to wait for a line.
    private static readonly TimeSpan ScaleSettleTime = TimeSpan.FromSeconds(0.5);

    private Measurement MeasureScale(Workload workload)
    {
        int known = KnownProcess(workload);
        long before = ResidentAfterOthers(known, ScaleSettleTime);
        using ILoad load = CreateLoad(workload);
        long cpu = CpuOf(known), start = Clock.Now;
        load.Open(workload.Connections);
        double opening = (Clock.Now - start) / 1e9, openingCpu = (CpuOf(known) - cpu) / 1e9;

        // Memory is read with all connections open, before they work: what work leaves behind, such as a
        // grown heap, is not a connection's.
        Thread.Sleep(ScaleSettleTime);
        load.CheckOpen();
        long resident = ProcessUse.Of(known).ResidentBytes;
        long from = After(WarmUp);
        return load.Run(from, from + (long)Time.TotalNanoseconds, process).Complete() with
        {
            BytesPerConnection = (resident - before) / (double)workload.Connections,
            OpeningSeconds = opening,
            ServerOpeningCpuSeconds = openingCpu,
        };
    }

    private static long CpuOf(int known) =>
        Clock.CpuOf(known) ?? throw new RunFailedException($"process {known} has ended");
}
