using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace LineServer.Perf.Comparing;

/// <summary>All rounds, and on what they ran, as JSON.</summary>
internal static class ComparisonReport
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static void Write(string path, ComparisonOptions options, IReadOnlyList<Round> rounds, DateTimeOffset started)
    {
        var report = new
        {
            Started = started,
            Machine = new { Cores = Environment.ProcessorCount, Processor = Processor(), Kernel = File.ReadAllText("/proc/sys/kernel/osrelease").Trim(), Runtime = RuntimeInformation.FrameworkDescription },
            ServerCores = options.ServerCores.Text,
            GeneratorCores = options.GeneratorCores.Text,
            options.Rounds,
            Seconds = options.Time.TotalSeconds,
            WarmUpSeconds = options.WarmUp.TotalSeconds,
            LaterWarmUpSeconds = options.LaterWarmUp.TotalSeconds,
            options.Reference,
            Servers = options.Servers.Select(server => new { server.Name, server.Command }),
            Workloads = options.Workloads.Select(workload => new
            {
                workload.Name,
                Kind = workload.Kind.ToString(),
                workload.Connections,
                workload.Window,
                workload.LineSize,
                workload.MaxLineSize,
                workload.Rate,
                workload.Load,
                workload.Steps,
                workload.Active,
                workload.SlowConnections,
                workload.SlowWindow,
                workload.SlowLineSize,
            }),
            LeftOut = options.Workloads.SelectMany(workload => options.Servers.Where(server => !server.Supports(workload)).Select(server =>
                new { Workload = workload.Name, Server = server.Name, Reason = server.WhyNot(workload) })),
            Measurements = rounds,
        };
        File.WriteAllText(path, JsonSerializer.Serialize(report, Format) + "\n");
    }

    // The line is named differently, or missing, on other architectures.
    private static string Processor() =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
}
