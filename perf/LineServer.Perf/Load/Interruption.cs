using System.Runtime.InteropServices;

namespace LineServer.Perf.Load;

/// <summary>
/// Takes SIGINT and SIGTERM while a load runs: the loops end as if their time were over, so that lineperf
/// prints what it has measured. Signals belong to the process, and so does this state.
/// </summary>
internal static class Interruption
{
    /// <summary>
    /// How long a loop may wait before it checks, in nanoseconds. Ten checks a second cost nothing beside the
    /// work.
    /// </summary>
    public const long LongestWait = 100_000_000;

    private const int None = 0;
    private const int ExitStatusOfSignals = 128; // an exit status in a shell: this plus the signal's number

    private static int _signal; // the signal's number; None until one arrives

    public static bool IsRequested => Volatile.Read(ref _signal) != None;

    /// <summary>The signal's name; null if none arrived.</summary>
    public static string? Name => Volatile.Read(ref _signal) switch { None => null, 2 => "SIGINT", _ => "SIGTERM" };

    /// <summary>The exit status of an interrupted process.</summary>
    public static int ExitStatus => ExitStatusOfSignals + Volatile.Read(ref _signal);

    /// <summary>
    /// Takes the signals until the result is disposed. A second signal ends the process at once.
    /// </summary>
    public static IDisposable Watch() => Watch((context, signal) => context.Cancel = TryTake(signal));

    /// <summary>
    /// The same in a generator's process, which no signal ends: a terminal sends SIGINT to it and to its
    /// parent, and the parent passes signals on. The process ends with its parent.
    /// </summary>
    public static IDisposable WatchAsGenerator() => Watch((context, signal) =>
    {
        context.Cancel = true;
        _ = TryTake(signal);
    });

    private static Registrations Watch(Action<PosixSignalContext, int> take) => new(
        PosixSignalRegistration.Create(PosixSignal.SIGINT, context => take(context, 2)),
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => take(context, 15)));

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
