using System.Runtime.Intrinsics;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;

namespace LineServer.Benchmarks;

/// <summary>
/// Runs in this process: BenchmarkDotNet 0.14 knows no .NET 10 to build for, and so an environment variable of this process (DOTNET_EnableAVX512=0)
/// holds for what is measured. The warm-up is long enough for the runtime to have compiled everything with its profile. Iterations are many
/// and short, so that some of them find a shared machine quiet; the best one counts.
/// </summary>
internal class ShortIterations : ManualConfig
{
    public ShortIterations() =>
        AddJob(Job.Default
            .WithToolchain(InProcessEmitToolchain.Instance)
            .WithIterationTime(TimeInterval.FromMilliseconds(20))
            .WithWarmupCount(60)
            .WithIterationCount(100)
            .WithId(Vector512.IsHardwareAccelerated ? "64-byte vectors" : Vector256.IsHardwareAccelerated ? "32-byte vectors" : "narrower vectors"));
}
