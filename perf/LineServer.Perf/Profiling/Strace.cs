using System.Globalization;
using LineServer.Perf.Linux;
using LineServer.Perf.Reporting;
using LineServer.Perf.Work;

namespace LineServer.Perf.Profiling;

/// <summary>
/// Counts the system calls of all threads with strace -c -f. The server becomes slower, but the number of
/// calls per line stays about the same.
/// </summary>
internal sealed class Strace : ProfilingTool
{
    private readonly string _file = Path.GetTempFileName();

    public Strace() => Find("strace", "strace");

    /// <summary>
    /// Parses the output of strace -c: time, seconds, microseconds per call, calls, errors (if any), name.
    /// </summary>
    public static IReadOnlyList<SystemCallCount> Parse(IEnumerable<string> lines) =>
    [
        .. from line in lines
           let cells = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)
           where cells.Length is 5 or 6
               && double.TryParse(cells[0], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out _)
               && cells[^1] != "total"
           select new SystemCallCount(
               cells[^1],
               long.Parse(cells[3], CultureInfo.InvariantCulture),
               cells.Length == 6 ? long.Parse(cells[4], CultureInfo.InvariantCulture) : 0),
    ];

    public override IDisposable Watch(int process)
    {
        var tool = new ToolProcess("strace", "-c", "-f", "-q", "-o", _file, "-p", process.ToString());
        try
        {
            tool.Await(() => IsTraced(process));
            return tool;
        }
        catch
        {
            tool.Dispose();
            throw;
        }
    }

    public override void Report(TextWriter output, Measurement measured)
    {
        IReadOnlyList<SystemCallCount> counts = Parse(File.ReadLines(_file));
        File.Delete(_file);
        if (counts.Count == 0 || measured.Lines == 0)
        {
            throw new RunFailedException(
                $"strace saw {counts.Sum(count => count.Calls)} system calls, " +
                $"and {measured.Lines} lines were answered");
        }

        string ALine(long number) => (number / (double)measured.Lines).ToString("0.0000");
        string[] Row(string name, long calls, long errors) =>
            [name, calls.ToString("#,0"), ALine(calls), errors.ToString("#,0"), ALine(errors)];
        ConsoleTable.Write(output, new(
            "system-calls",
            $"system calls of the server for {measured.Lines:N0} lines ({measured.LinesPerSecond:N0}/s under " +
            "strace, which says nothing about the server's speed)",
            ["system call", "calls", "a line", "failed", "a line"],
            [
                .. counts
                    .OrderByDescending(count => count.Calls)
                    .Select(count => Row(count.Name, count.Calls, count.Errors)),
                Row("all", counts.Sum(count => count.Calls), counts.Sum(count => count.Errors)),
            ]));
    }

    // The status of each thread names its tracer: proc_pid_status(5).
    private static bool IsTraced(int process) => Directory.EnumerateDirectories($"/proc/{process}/task").All(task =>
    {
        try
        {
            return !File.ReadLines($"{task}/status").Contains("TracerPid:\t0", StringComparer.Ordinal);
        }
        catch (IOException)
        {
            // The thread has ended meanwhile.
            return true;
        }
    });
}
