using System.Runtime.InteropServices;

namespace LineServer.Perf.Load;

/// <summary>
/// SIGINT or SIGTERM while a load runs: the loops end as if their time were over, so what was measured until then is told. Signals are
/// the process's, and so is this state. A second signal ends the process at once.
/// </summary>
internal static class Interruption
{
    /// <summary>How long a loop may wait before it looks, in nanoseconds. Ten times a second: nothing beside what a loop does.</summary>
    public const long LongestWait = 100_000_000;

    private const int None = 0;
    private const int ExitStatusOfSignals = 128; // as a shell reports it: this and the signal's number

    private static int _signal; // its number; None until one came

    public static bool IsRequested => Volatile.Read(ref _signal) != None;

    /// <summary>The signal's name; null if none came.</summary>
    public static string? Name => Volatile.Read(ref _signal) switch { None => null, 2 => "SIGINT", _ => "SIGTERM" };

    /// <summary>What the process ends with if one came.</summary>
    public static int ExitStatus => ExitStatusOfSignals + Volatile.Read(ref _signal);

    /// <summary>Takes the signals from now on, until the result is disposed.</summary>
    public static IDisposable Watch() => new Registrations(
        PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = TryTake(2)),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => context.Cancel = TryTake(15)));

    private static bool TryTake(int signal) => Interlocked.CompareExchange(ref _signal, signal, None) == None;

    private sealed record Registrations(IDisposable Interrupt, IDisposable Terminate) : IDisposable
    {
        public void Dispose()
        {
            Interrupt.Dispose();
            Terminate.Dispose();
        }
    }
}
