using LineServer.Perf.Work;

namespace LineServer.Perf.Profiling;

/// <summary>A program that looks at a process while it works.</summary>
internal abstract class ProfilingTool
{
    /// <summary>Of the commands that there are: how to get one.</summary>
    public static readonly IReadOnlyDictionary<string, Func<ProfilingTool>> All = new Dictionary<string, Func<ProfilingTool>>(StringComparer.Ordinal)
    {
        ["strace"] = () => new Strace(),
        ["perf"] = () => new PerfRecord(),
    };

    /// <summary>Begins to look; what it gives ends it.</summary>
    /// <exception cref="RunFailedException">It cannot.</exception>
    public abstract IDisposable Watch(int process);

    /// <summary>Tells what it saw.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="measured">What the same interval showed.</param>
    /// <exception cref="RunFailedException">It saw nothing.</exception>
    public abstract void Report(TextWriter output, Measurement measured);

    /// <exception cref="RunFailedException">It is not installed.</exception>
    protected static void Find(string command, string package)
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        if (!folders.Any(folder => File.Exists(Path.Combine(folder, command))))
        {
            throw new RunFailedException($"{command} is not installed (on Debian: apt-get install {package})");
        }
    }
}
