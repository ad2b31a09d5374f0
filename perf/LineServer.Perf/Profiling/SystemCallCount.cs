namespace LineServer.Perf.Profiling;

/// <param name="Name">The name of the system call.</param>
/// <param name="Calls">The number of calls.</param>
/// <param name="Errors">The number of calls that returned an error; EAGAIN is one.</param>
internal sealed record SystemCallCount(string Name, long Calls, long Errors);
