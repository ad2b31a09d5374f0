using LineServer.Perf.Work;

namespace LineServer.Perf.Generators;

/// <summary>The reply of a generator's process to a command.</summary>
/// <param name="Failure">The error; null if there is none.</param>
/// <param name="Measured">The measurement of a run.</param>
/// <param name="FromSent">The exported histogram of a run.</param>
/// <param name="FromDue">The same from due, if the run had a schedule.</param>
internal sealed record GeneratorReply(
    string? Failure = null, Measurement? Measured = null, long[]? FromSent = null, long[]? FromDue = null);
