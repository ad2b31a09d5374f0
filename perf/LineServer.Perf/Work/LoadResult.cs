using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <summary>
/// The result of an interval, with the histograms, so that those of several generators can be added.
/// </summary>
/// <param name="Measured">The measurement without latencies.</param>
/// <param name="FromSent">Latencies from sent.</param>
/// <param name="FromDue">Latencies from due; null if there is no schedule.</param>
internal sealed record LoadResult(Measurement Measured, LatencyHistogram FromSent, LatencyHistogram? FromDue)
{
    public Measurement Complete() =>
        Measured with { FromSent = Latencies.Of(FromSent), FromDue = FromDue is null ? null : Latencies.Of(FromDue) };
}
