using System.Globalization;
using System.Runtime.InteropServices;

namespace LineServer.Perf.Linux;

/// <summary>The machine that the figures were measured on.</summary>
/// <param name="Processor">The processor's model, or the architecture if the kernel names no model.</param>
/// <param name="Cores">All cores that are online, even if this process may not use them all.</param>
/// <param name="Governor">
/// The frequency governor of the first core; null if there is none, as in most virtual machines.
/// </param>
/// <param name="MemoryBytes">The total memory.</param>
/// <param name="Kernel">The kernel's release.</param>
/// <param name="Distribution">The name and version of the distribution.</param>
/// <param name="Runtime">
/// The .NET version of lineperf, and so of the servers that the same dotnet starts.
/// </param>
internal sealed record Machine(
    string Processor, int Cores, string? Governor, long MemoryBytes, string Kernel, string Distribution, string Runtime)
{
    public static Machine Read() => new(
        // Other architectures name this line differently or lack it.
        After("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString(),
        File.ReadLines("/proc/cpuinfo").Count(line => line.StartsWith("processor", StringComparison.Ordinal)),
        FirstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        long.Parse(After("/proc/meminfo", "MemTotal")!.Split(' ')[0], CultureInfo.InvariantCulture) * 1024,
        FirstLine("/proc/sys/kernel/osrelease")!,
        RuntimeInformation.OSDescription,
        RuntimeInformation.FrameworkDescription);

    private static string? After(string file, string name) =>
        File.ReadLines(file)
            .FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))
            ?.Split(':', 2)[1]
            .Trim();

    private static string? FirstLine(string file)
    {
        try
        {
            return File.ReadLines(file).FirstOrDefault()?.Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
