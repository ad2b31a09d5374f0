using LineServer.Perf.Linux;

namespace LineServer.Perf.Work;

/// <content>A number of connections from their first byte on: what it costs to make them, to hold them, and to use them.</content>
internal sealed partial class WorkloadRun
{
    // Until threads that end have ended, and threads that begin wait for a line.
    private static readonly TimeSpan ScaleSettleTime = TimeSpan.FromSeconds(0.5);

    private Measurement MeasureScale(Workload workload)
    {
        int known = KnownProcess(workload);
        long before = ResidentAfterOthers(known, ScaleSettleTime);
        using ILoad load = CreateLoad(workload);
        long cpu = CpuOf(known), start = Clock.Now;
        load.Open(workload.Connections);
        double opening = (Clock.Now - start) / 1e9, openingCpu = (CpuOf(known) - cpu) / 1e9;

        // With all of them open, and before they work: what work leaves behind (a heap that grew) is not a connection's.
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

    private static long CpuOf(int known) => Clock.CpuOf(known) ?? throw new RunFailedException($"process {known} has ended");
}
