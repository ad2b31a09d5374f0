using System.Diagnostics;

namespace LineServer.Client;

/// <summary>
/// The times at which one connection's lines are due under <c>--rate</c>. The schedule is fixed at the start:
/// a late line is sent as soon as possible, and does not delay the lines after it.
/// </summary>
/// <param name="linesPerSecond">The rate over all connections.</param>
/// <param name="connections">The number of connections that share the schedule in turn.</param>
/// <param name="turn">This connection's place among them, from 0.</param>
/// <param name="start">When the first line of all is due, as a <see cref="Stopwatch"/> timestamp.</param>
internal sealed class SendSchedule(double linesPerSecond, int connections, int turn, long start)
{
    private readonly double _ticksPerLine = Stopwatch.Frequency / linesPerSecond;

    /// <summary>
    /// When a line of this connection, counted from 0, is due, as a <see cref="Stopwatch"/> timestamp.
    /// </summary>
    public long DueAt(long line) => start + (long)((((double)line * connections) + turn) * _ticksPerLine);

    /// <summary>The number of this connection's lines due at a <see cref="Stopwatch"/> timestamp.</summary>
    public long DueBy(long timestamp)
    {
        double turns = Math.Floor((timestamp - start) / _ticksPerLine) - turn;
        return turns < 0 ? 0 : (long)(turns / connections) + 1;
    }

    /// <summary>Waits until the line is due.</summary>
    /// <exception cref="OperationCanceledException">The connection ended first.</exception>
    public async ValueTask WaitForAsync(long line, CancellationToken cancellationToken)
    {
        long now;
        while (DueBy(now = Stopwatch.GetTimestamp()) <= line)
        {
            // A timer counts in milliseconds; with 0 this would spin.
            double ms = Math.Ceiling((DueAt(line) - now) * 1000.0 / Stopwatch.Frequency);
            await Task.Delay((int)Math.Clamp(ms, 1, int.MaxValue), cancellationToken);
        }
    }
}
