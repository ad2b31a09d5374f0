using LineServer.Perf.Reporting;
using LineServer.Perf.Work;

namespace LineServer.Perf;

/// <summary>Prints one measurement, one line per figure.</summary>
internal static class RunSummary
{
    public static void Write(TextWriter output, WorkloadKind kind, Measurement measured)
    {
        if (measured.WithoutFlood is { } without)
        {
            output.WriteLine("without the flood:");
            Write(output, kind, without);
            output.WriteLine($"with it ({Quantity.Rate(measured.FloodLinesPerSecond ?? 0)} lines/s):");
        }

        if (measured.WithoutSlowReaders is { } withoutSlow)
        {
            output.WriteLine("without slow readers:");
            Write(output, kind, withoutSlow);
            output.WriteLine($"with them ({measured.UnreadBytes / 1e6:N1} MB of theirs were taken, unread):");
        }

        if (measured.CapacityLinesPerSecond is { } capacity)
        {
            output.WriteLine(
                $"capacity       {Quantity.Rate(capacity)} lines/s, in a closed loop with the same connections");
        }

        if (measured.Lines == 0 && kind != WorkloadKind.Idle)
        {
            output.WriteLine(
                $"{(kind == WorkloadKind.Churn ? "connections" : "lines"),-14} 0 in {measured.Seconds:0.000} s: " +
                "none arrived in this time");
        }

        if (measured.Lines > 0)
        {
            string what = kind switch
            {
                WorkloadKind.Ingest => "lines/s, all taken: the server has read each connection to its end",
                WorkloadKind.Churn => "connections/s, each with one line whose reply was checked",
                _ => "lines/s, every reply checked",
            };
            output.WriteLine(
                $"{(kind == WorkloadKind.Churn ? "connections" : "lines"),-14} {measured.Lines:N0} in " +
                $"{measured.Seconds:0.000} s: {Quantity.Rate(measured.LinesPerSecond)} {what}");
        }

        WriteLatencies(output, "from sent", measured.FromSent);
        WriteLatencies(output, "from due", measured.FromDue);
        if (measured.LateLines is { } late)
        {
            output.WriteLine($"late           {late:N0} lines left over 1 ms after they were due");
        }

        if (measured.ServerCpuSeconds is { } cpu)
        {
            output.WriteLine(
                $"server         CPU {cpu:0.000} s " +
                $"({measured.ServerCpuShare:0.0 %}){ALine(measured.ServerCpuNanosecondsPerLine)}");
            output.WriteLine(
                $"               resident {measured.ServerResidentBytes / 1e6:N1} MB, " +
                $"descriptors {measured.ServerDescriptors:N0}, minor faults {measured.ServerMinorFaults:N0}");
            output.WriteLine(
                $"               context switches {measured.ServerVoluntarySwitches:N0} voluntary, " +
                $"{measured.ServerInvoluntarySwitches:N0} involuntary");
        }

        if (measured.OpeningSeconds is { } opening)
        {
            output.WriteLine(
                $"opened         in {opening:0.000} s, with {measured.ServerOpeningCpuSeconds:0.000} s of the " +
                "server's CPU");
        }

        if (measured.BytesPerConnection is { } bytes)
        {
            output.WriteLine($"memory         {bytes:N0} bytes per connection");
        }

        foreach (IdleStep step in measured.IdleSteps ?? [])
        {
            string active = step.FromDue is { Count: 0 } ? "; active ones, from due: no line was timed"
                : step.FromDue is { } latencies
                    ? $"; active ones, from due: p50 {latencies.P50:N1} µs, p99 {latencies.P99:N1}, max {latencies.Max:N1}"
                : "";
            output.WriteLine(
                $"               {step.Connections:N0} connections: resident {step.ResidentBytes / 1e6:N1} " +
                $"MB{active}");
        }

        if (measured.BytesPerConnectionSlope is { } slope)
        {
            output.WriteLine($"               {slope:N0} bytes per additional connection");
        }

        output.WriteLine(
            $"generator      {(measured.Generators > 1 ? $"{measured.Generators} processes, " : "")}" +
            $"CPU {measured.GeneratorCpuSeconds:0.000} s ({measured.GeneratorCpuShare:0.0 %})" +
            ALine(measured.GeneratorCpuNanosecondsPerLine) +
            (measured.GeneratorSaturated ? ": saturated, the server could have been faster" : ""));
    }

    private static string ALine(double? nanoseconds) => nanoseconds is { } known ? $", {known:N1} ns per line" : "";

    private static void WriteLatencies(TextWriter output, string name, Latencies? latencies)
    {
        if (latencies is { Count: 0 })
        {
            output.WriteLine($"{name,-14} p50 –, p90 –, p99 –, p99.9 –, max – (0 timed)");
        }
        else if (latencies is not null)
        {
            output.WriteLine(
                $"{name,-14} p50 {latencies.P50:N1} µs, p90 {latencies.P90:N1}, p99 {latencies.P99:N1}, " +
                $"p99.9 {latencies.P999:N1}, max {latencies.Max:N1} ({latencies.Count:N0} timed)");
        }
    }
}
