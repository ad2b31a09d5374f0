using System.Runtime.InteropServices;

namespace LineServer.Perf.Work;

/// <summary>Some lines of a distribution.</summary>
/// <param name="UpTo">Microseconds that none of them took longer than; the shortest took at most 0.8 % less.</param>
/// <param name="Count">How many.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct LatencyBucket(double UpTo, long Count);
