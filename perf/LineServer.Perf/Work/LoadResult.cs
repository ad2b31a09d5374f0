using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <summary>What an interval showed, with its latencies as they were counted: those of several generators can be added.</summary>
/// <param name="Measured">Without the latencies.</param>
/// <param name="FromSent">From sent.</param>
/// <param name="FromDue">From due; null where nothing is due.</param>
internal sealed record LoadResult(Measurement Measured, LatencyHistogram FromSent, LatencyHistogram? FromDue)
{
    public Measurement Complete() => Measured with { FromSent = Latencies.Of(FromSent), FromDue = FromDue is null ? null : Latencies.Of(FromDue) };
}
