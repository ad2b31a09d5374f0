namespace LineServer.Perf.Profiling;

/// <param name="Name">Of the system call.</param>
/// <param name="Calls">How often it was called.</param>
/// <param name="Errors">How often it returned an error; EAGAIN is one.</param>
internal sealed record SystemCallCount(string Name, long Calls, long Errors);
