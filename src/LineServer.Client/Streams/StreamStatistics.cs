using System.Globalization;

namespace LineServer.Client.Streams;

/// <summary>The output of <c>--stats</c> for a stream: one value per line, its name first, so that a script can parse it.</summary>
internal static class StreamStatistics
{
    public static void Write(TextWriter writer, StreamProgress progress, TimeSpan elapsed)
    {
        long lines = progress.SentLines;
        writer.WriteLine(Invariant($"lines sent      {lines}"));
        writer.WriteLine(Invariant($"bytes sent      {progress.SentBytes}"));
        writer.WriteLine(Invariant($"acknowledged    {progress.Acknowledged}"));
        writer.WriteLine(Invariant($"reconnects      {Math.Max(0, progress.Connections - 1)}"));
        writer.WriteLine(Invariant($"elapsed         {elapsed.TotalSeconds:0.000} s"));
        writer.WriteLine(Invariant($"lines a second  {(elapsed > TimeSpan.Zero ? lines / elapsed.TotalSeconds : 0):0}"));
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
