using LineServer.Perf.Linux;
using LineServer.Perf.Servers;
using LineServer.Perf.Work;

namespace LineServer.Perf.Comparing;

/// <summary>
/// Measures servers side by side. Each keeps its process for all rounds of a workload (what a JIT has compiled stays), and each round gives every server
/// its turn, the next round in the other direction: what the machine does to one it does to all. For memory every round has a new process.
/// </summary>
/// <param name="options">What is compared, and how.</param>
/// <param name="notes">Where progress is told.</param>
internal sealed class Comparison(ComparisonOptions options, TextWriter notes)
{
    /// <summary>All rounds of a workload, of the servers that can do it.</summary>
    /// <exception cref="RunFailedException">A server could not be started, died, or gave a wrong reply.</exception>
    public IReadOnlyList<Round> Run(Workload workload)
    {
        options.GeneratorCores.PinThisProcess();
        List<Round> rounds = [];
        Dictionary<string, ServerProcess> running = new(StringComparer.Ordinal);
        Dictionary<string, double> capacities = new(StringComparer.Ordinal); // Measured once for each process.
        ServerCommand[] servers = [.. options.Servers.Where(server => server.Supports(workload))];
        try
        {
            for (int number = 1; number <= options.Rounds; number++)
            {
                foreach (ServerCommand server in number % 2 == 1 ? servers : servers.Reverse())
                {
                    notes.WriteLine($"{workload.Name}, round {number} of {options.Rounds}: {server.Name}");
                    bool isFirst = !running.ContainsKey(server.Name);
                    if (isFirst)
                    {
                        running.Add(server.Name, ServerProcess.Start(server, options.ServerCores, workload.Handler));
                    }

                    Measurement measured = Measure(workload, running[server.Name], isFirst, capacities.TryGetValue(server.Name, out double known) ? known : null);
                    rounds.Add(new Round(workload.Name, server.Name, number, measured));
                    if (measured.CapacityLinesPerSecond is { } capacity)
                    {
                        capacities[server.Name] = capacity;
                    }

                    if (workload.NeedsNewProcess && running.Remove(server.Name, out ServerProcess? used))
                    {
                        used.Dispose();
                    }
                }
            }

            return rounds;
        }
        finally
        {
            foreach (ServerProcess process in running.Values)
            {
                process.Dispose();
            }
        }
    }

    private Measurement Measure(Workload workload, ServerProcess server, bool isFirst, double? capacity)
    {
        var run = new WorkloadRun(server.Address, server.Id)
        {
            Capacity = capacity,
            WarmUp = isFirst ? options.WarmUp : options.LaterWarmUp,
            Time = options.Time,
            ReplyTimeout = options.ReplyTimeout,
        };
        try
        {
            return run.Measure(workload);
        }
        catch (RunFailedException e)
        {
            throw server.Explain(e);
        }
    }
}
