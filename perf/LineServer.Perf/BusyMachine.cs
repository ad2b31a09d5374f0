using System.Globalization;

namespace LineServer.Perf;

/// <summary>Warns if the machine is busy: other work would be part of the figures.</summary>
internal static class BusyMachine
{
    /// <summary>
    /// The highest load average over one minute that counts as idle. The daemons of an idle machine stay far
    /// below it.
    /// </summary>
    private const double HighestIdleLoad = 0.5;

    /// <summary>The warning to print before a measurement; null if the machine is idle.</summary>
    public static string? Warning() => Warning(File.ReadAllText("/proc/loadavg"));

    /// <param name="loadAverages">The content of /proc/loadavg.</param>
    public static string? Warning(string loadAverages)
    {
        double load = double.Parse(loadAverages.Split(' ')[0], CultureInfo.InvariantCulture);
        return load <= HighestIdleLoad
            ? null
            : string.Create(
                CultureInfo.InvariantCulture,
                $"the machine is busy (load average {load:0.00}): figures will be too high and vary from run to run");
    }
}
