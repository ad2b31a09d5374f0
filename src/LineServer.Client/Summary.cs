using System.Globalization;

namespace LineServer.Client;

/// <summary>
/// The output of <c>--stats</c>: one value per line, its name first, so that a script can parse it.
/// </summary>
internal static class Summary
{
    public static void Write(TextWriter writer, IReadOnlyList<Connection> connections, TimeSpan elapsed, LatencyHistogram? latencies)
    {
        long lines = connections.Sum(connection => connection.SentLines);
        writer.WriteLine(Invariant($"connections     {connections.Count}"));
        writer.WriteLine(Invariant($"lines sent      {lines}"));
        writer.WriteLine(Invariant($"replies         {connections.Sum(connection => connection.Replies)}"));
        writer.WriteLine(Invariant($"bytes sent      {connections.Sum(connection => connection.SentBytes)}"));
        writer.WriteLine(Invariant($"bytes received  {connections.Sum(connection => connection.ReceivedBytes)}"));
        writer.WriteLine(Invariant($"elapsed         {elapsed.TotalSeconds:0.000} s"));
        writer.WriteLine(Invariant($"lines a second  {(elapsed > TimeSpan.Zero ? lines / elapsed.TotalSeconds : 0):0}"));
        if (latencies is not null)
        {
            writer.WriteLine(Invariant($"latency p50     {Duration(latencies.Percentile(50))}"));
            writer.WriteLine(Invariant($"latency p90     {Duration(latencies.Percentile(90))}"));
            writer.WriteLine(Invariant($"latency p99     {Duration(latencies.Percentile(99))}"));
            writer.WriteLine(Invariant($"latency p99.9   {Duration(latencies.Percentile(99.9))}"));
            writer.WriteLine(Invariant($"latency max     {Duration(latencies.Max)}"));
        }
    }

    // Always in microseconds, so that the column can be compared and sorted.
    private static string Duration(long nanoseconds) => Invariant($"{nanoseconds / 1000.0:0.0} µs");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
