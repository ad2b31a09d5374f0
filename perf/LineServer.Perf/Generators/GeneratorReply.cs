using LineServer.Perf.Work;

namespace LineServer.Perf.Generators;

/// <summary>What a generator's process says to a command.</summary>
/// <param name="Failure">What went wrong; null when all went well.</param>
/// <param name="Measured">After a run.</param>
/// <param name="FromSent">After a run: its histogram, exported.</param>
/// <param name="FromDue">After a run on a schedule.</param>
internal sealed record GeneratorReply(string? Failure = null, Measurement? Measured = null, long[]? FromSent = null, long[]? FromDue = null);
