using System.Globalization;
using LineServer.Perf.Reporting;
using LineServer.Perf.Work;

namespace LineServer.Perf.Profiling;

/// <summary>
/// Samples the server's CPU time with perf record, and sums it up per object file with perf report.
/// </summary>
internal sealed class PerfRecord : ProfilingTool
{
    private const string SamplesASecond = "997";
    private readonly string _file = Path.GetTempFileName();

    public PerfRecord() => Find("perf", "linux-perf");

    /// <summary>Parses the output of perf report --sort dso: a share in per cent, then the object.</summary>
    public static IReadOnlyList<CodeShare> Parse(IEnumerable<string> lines) =>
    [
        .. from line in lines
           let cells = line.Trim().Split('%', 2)
           where cells.Length == 2
               && double.TryParse(cells[0], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out _)
           let code = cells[1].Trim()
           select new CodeShare(KindOf(code), code, double.Parse(cells[0], CultureInfo.InvariantCulture) / 100),
    ];

    public override IDisposable Watch(int process)
    {
        var tool = new ToolProcess("perf", "record", "-q", "-F", SamplesASecond, "-o", _file, "-p", process.ToString());
        try
        {
            // perf writes the file's header just before it begins.
            tool.Await(() => new FileInfo(_file).Length > 0);
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
        using var report = new ToolProcess("perf", "report", "--stdio", "-q", "--sort", "dso", "-i", _file);
        string[] printed = report.ReadToEnd();
        File.Delete(_file);
        IReadOnlyList<CodeShare> shares = Parse(printed);
        if (shares.Count == 0)
        {
            throw new RunFailedException($"perf saw nothing: {string.Join(" | ", printed)}");
        }

        string[] Row(string kind, string code, double share) =>
        [
            kind,
            code,
            share.ToString("0.0 %"),
            measured.ServerCpuNanosecondsPerLine is { } cpu ? (cpu * share).ToString("#,0.0") : "–",
        ];
        ConsoleTable.Write(output, new(
            "cpu-by-code",
            $"CPU time of the server by what it ran, for {measured.Lines:N0} lines at {measured.LinesPerSecond:N0}/s",
            ["kind", "code", "share", "CPU ns a line"],
            [
                .. shares
                    .GroupBy(share => share.Kind, StringComparer.Ordinal)
                    .OrderByDescending(kind => kind.Sum(share => share.Share))
                    .SelectMany(kind => (string[][])
                    [
                        Row(kind.Key, "all", kind.Sum(share => share.Share)),
                        .. kind
                            .OrderByDescending(share => share.Share)
                            .Select(share => Row("", share.Code, share.Share)),
                    ]),
            ])
        {
            TextColumns = 2,
        });
    }

    // Code compiled at run time has no file: .NET's is in a memory file (memfd:doublemapper), others' in
    // anonymous memory. Kernel modules are in brackets.
    private static string KindOf(string code) => code switch
    {
        "[vdso]" => "user",
        "[unknown]" => "unknown",
        _ when code.StartsWith("[JIT]", StringComparison.Ordinal)
            || code.StartsWith("memfd:doublemapper", StringComparison.Ordinal)
            || code.StartsWith("//anon", StringComparison.Ordinal)
            || code.StartsWith("perf-", StringComparison.Ordinal) => "JIT",
        _ when code.StartsWith('[') => "kernel",
        _ => "user",
    };
}
