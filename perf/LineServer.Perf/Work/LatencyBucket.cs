using System.Runtime.InteropServices;

namespace LineServer.Perf.Work;

/// <summary>A bucket of a distribution.</summary>
/// <param name="UpTo">The upper bound in microseconds; the lower is at most 0.8 % less.</param>
/// <param name="Count">The number of lines.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct LatencyBucket(double UpTo, long Count);
