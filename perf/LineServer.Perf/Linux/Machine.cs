using System.Globalization;
using System.Runtime.InteropServices;

namespace LineServer.Perf.Linux;

/// <summary>What the figures were measured on.</summary>
/// <param name="Processor">Its model, or the architecture where the kernel names none.</param>
/// <param name="Cores">Those that are online, also where this process may not use them all.</param>
/// <param name="Governor">How the clock of the first core is chosen; null where there is no choice, as in most virtual machines.</param>
/// <param name="MemoryBytes">All of it.</param>
/// <param name="Kernel">Its release.</param>
/// <param name="Distribution">Its name and version.</param>
/// <param name="Runtime">The .NET of lineperf, and so of the servers that are started by the same dotnet.</param>
internal sealed record Machine(string Processor, int Cores, string? Governor, long MemoryBytes, string Kernel, string Distribution, string Runtime)
{
    public static Machine Read() => new(
        // The line is named differently, or missing, on other architectures.
        After("/proc/cpuinfo", "model name") ?? RuntimeInformation.ProcessArchitecture.ToString(),
        File.ReadLines("/proc/cpuinfo").Count(line => line.StartsWith("processor", StringComparison.Ordinal)),
        FirstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        long.Parse(After("/proc/meminfo", "MemTotal")!.Split(' ')[0], CultureInfo.InvariantCulture) * 1024,
        FirstLine("/proc/sys/kernel/osrelease")!,
        RuntimeInformation.OSDescription,
        RuntimeInformation.FrameworkDescription);

    private static string? After(string file, string name) =>
        File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[1].Trim();

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
