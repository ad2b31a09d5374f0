using System.Globalization;

namespace LineServer.Perf;

/// <summary>
/// Shows the plan of a run, and the elapsed and remaining time, on standard error if that is a terminal.
/// </summary>
internal sealed class LiveProgress : IDisposable
{
    private const string BackAndClear = "\r\u001b[K";

    private readonly TextWriter _terminal;
    private readonly TimeSpan _planned;
    private readonly long _start;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly Lock _lock = new();
    private bool _isOver;

    internal LiveProgress(TextWriter terminal, string plan, TimeSpan planned, TimeProvider time)
    {
        (_terminal, _planned, _time, _start) = (terminal, planned, time, time.GetTimestamp());
        terminal.WriteLine($"{plan}; {Text(planned)} with the warm-up");
        _timer = time.CreateTimer(_ => Tell(), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    /// <summary>
    /// Shows progress until the result is disposed; null if standard error is not a terminal.
    /// </summary>
    public static LiveProgress? Show(TextWriter notes, string plan, TimeSpan planned) =>
        IsTerminal(notes) ? new(notes, plan, planned, TimeProvider.System) : null;

    /// <summary>True if the notes go to a terminal.</summary>
    public static bool IsTerminal(TextWriter notes) =>
        ReferenceEquals(notes, Console.Error) && !Console.IsErrorRedirected;

    /// <summary>Formats a time in whole seconds: 0:07, 12:30, 1:02:03.</summary>
    public static string Text(TimeSpan time) =>
        TimeSpan.FromSeconds(Math.Max(0, Math.Round(time.TotalSeconds))).ToString(
            time >= TimeSpan.FromHours(1) ? @"h\:mm\:ss" : @"m\:ss", CultureInfo.InvariantCulture);

    public void Dispose()
    {
        lock (_lock)
        {
            if (!_isOver)
            {
                _isOver = true;
                _timer.Dispose();
                _terminal.Write(BackAndClear);
            }
        }
    }

    private void Tell()
    {
        lock (_lock)
        {
            if (!_isOver)
            {
                TimeSpan elapsed = _time.GetElapsedTime(_start);
                _terminal.Write($"{BackAndClear}{Text(elapsed)} elapsed, {Text(_planned - elapsed)} left");
            }
        }
    }
}
