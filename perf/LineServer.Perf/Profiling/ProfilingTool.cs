using LineServer.Perf.Work;

namespace LineServer.Perf.Profiling;

/// <summary>A program that profiles a running process.</summary>
internal abstract class ProfilingTool
{
    /// <summary>The known tools by command, with their constructors.</summary>
    public static readonly IReadOnlyDictionary<string, Func<ProfilingTool>> All =
        new Dictionary<string, Func<ProfilingTool>>(StringComparer.Ordinal)
        {
            ["strace"] = () => new Strace(),
            ["perf"] = () => new PerfRecord(),
        };

    /// <summary>Attaches to a process. Disposing the result detaches.</summary>
    /// <exception cref="RunFailedException">The tool cannot attach.</exception>
    public abstract IDisposable Watch(int process);

    /// <summary>Prints what the tool found.</summary>
    /// <param name="output">Receives the report.</param>
    /// <param name="measured">The measurement of the same interval.</param>
    /// <exception cref="RunFailedException">The tool found nothing.</exception>
    public abstract void Report(TextWriter output, Measurement measured);

    /// <exception cref="RunFailedException">The command is not installed.</exception>
    protected static void Find(string command, string package)
    {
        string path = Environment.GetEnvironmentVariable("PATH") ?? "";
        string[] folders = path.Split(':', StringSplitOptions.RemoveEmptyEntries);
        if (!folders.Any(folder => File.Exists(Path.Combine(folder, command))))
        {
            throw new RunFailedException($"{command} is not installed (on Debian: apt-get install {package})");
        }
    }
}
