using System.Globalization;

namespace LineServer.Perf.Linux;

/// <summary>The resources that a process has used so far, from its CPU clock and from /proc.</summary>
/// <param name="CpuNanoseconds">
/// CPU time of all its threads: see <see cref="Clock.CpuOf"/>. Without such a clock, ticks of 10 ms.
/// </param>
/// <param name="VoluntarySwitches">Voluntary context switches of its living threads.</param>
/// <param name="InvoluntarySwitches">Involuntary context switches of its living threads.</param>
/// <param name="MinorFaults">Page faults that needed no disk.</param>
/// <param name="ResidentBytes">Resident memory.</param>
/// <param name="Descriptors">Open descriptors.</param>
internal sealed record ProcessUse(
    long CpuNanoseconds,
    long VoluntarySwitches,
    long InvoluntarySwitches,
    long MinorFaults,
    long ResidentBytes,
    int Descriptors)
{
    private const long NanosecondsATick = 10_000_000; // USER_HZ is 100 on every architecture that .NET runs on.

    /// <exception cref="RunFailedException">There is no such process, or it may not be read.</exception>
    public static ProcessUse Of(int process)
    {
        string root = $"/proc/{process}";
        try
        {
            // The name, in brackets, may contain spaces and brackets, so the fields are counted from behind
            // it: proc_pid_stat(5), field 3.
            string stat = File.ReadAllText($"{root}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            if (fields[0] is "Z" or "X")
            {
                throw new RunFailedException($"process {process} has ended");
            }

            long ticks = Number(fields[14 - 3]) + Number(fields[15 - 3]);
            (long voluntary, long involuntary) = Switches(root);
            return new(
                Clock.CpuOf(process) ?? ticks * NanosecondsATick,
                voluntary,
                involuntary,
                Number(fields[10 - 3]),
                Resident(root),
                Directory.EnumerateFileSystemEntries($"{root}/fd").Count());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RunFailedException($"cannot read what process {process} uses: {e.Message}");
        }
    }

    private static (long Voluntary, long Involuntary) Switches(string root)
    {
        long voluntary = 0, involuntary = 0;
        foreach (string task in Directory.EnumerateDirectories($"{root}/task"))
        {
            try
            {
                foreach (string line in File.ReadLines($"{task}/status"))
                {
                    voluntary += After(line, "voluntary_ctxt_switches:");
                    involuntary += After(line, "nonvoluntary_ctxt_switches:");
                }
            }
            catch (IOException)
            {
                // The thread has ended meanwhile.
            }
        }

        return (voluntary, involuntary);
    }

    // statm may be off by some pages per thread (proc_pid_statm(5)); the sum over the mappings is exact.
    private static long Resident(string root)
    {
        foreach (string line in File.ReadLines($"{root}/smaps_rollup"))
        {
            if (line.StartsWith("Rss:", StringComparison.Ordinal))
            {
                return Number(line["Rss:".Length..].Replace("kB", "", StringComparison.Ordinal).Trim()) * 1024;
            }
        }

        return Number(File.ReadAllText($"{root}/statm").Split(' ')[1]) * Environment.SystemPageSize;
    }

    private static long After(string line, string name) =>
        line.StartsWith(name, StringComparison.Ordinal) ? Number(line[name.Length..].Trim()) : 0;

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
