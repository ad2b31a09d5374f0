using System.Globalization;

namespace LineServer.Perf;

/// <summary>A machine that works already: what is measured on it is its other work too.</summary>
internal static class BusyMachine
{
    /// <summary>Of the load average over a minute. An idle machine is well below: its daemons run for a few per cent of the time.</summary>
    private const double HighestIdleLoad = 0.5;

    /// <summary>What is to be said about it before something is measured; null if the machine is idle.</summary>
    public static string? Warning() => Warning(File.ReadAllText("/proc/loadavg"));

    /// <param name="loadAverages">As /proc/loadavg has them.</param>
    public static string? Warning(string loadAverages)
    {
        double load = double.Parse(loadAverages.Split(' ')[0], CultureInfo.InvariantCulture);
        return load <= HighestIdleLoad
            ? null
            : string.Create(CultureInfo.InvariantCulture, $"the machine is busy (load average {load:0.00}): figures will be too high, and differ from run to run");
    }
}
