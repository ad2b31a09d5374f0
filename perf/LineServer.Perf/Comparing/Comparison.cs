using LineServer.Perf.Linux;
using LineServer.Perf.Servers;
using LineServer.Perf.Work;

namespace LineServer.Perf.Comparing;

/// <summary>
/// Measures servers side by side. Each keeps its process for all rounds of a workload (what a JIT has compiled stays), and each round gives every server
/// its turn, the next round in the other direction: what the machine does to one it does to all. For memory every round has a new process.
/// </summary>
/// <remarks>
/// A server that cannot be built or started is left out from then on; one that fails at work is left out of that workload. Both are told
/// (<see cref="Absences"/>), and neither takes the others' results away.
/// </remarks>
/// <param name="options">What is compared, and how.</param>
/// <param name="notes">Where progress is told.</param>
internal sealed class Comparison(ComparisonOptions options, TextWriter notes)
{
    private readonly List<Round> _rounds = [];
    private readonly List<Absence> _absences = [];
    private readonly Dictionary<string, ServerProcess> _running = new(StringComparer.Ordinal);

    /// <summary>Of all workloads so far.</summary>
    public IReadOnlyList<Round> Rounds => _rounds;

    /// <summary>Of all workloads so far.</summary>
    public IReadOnlyList<Absence> Absences => _absences;

    /// <summary>Runs all rounds of a workload.</summary>
    public void Run(Workload workload)
    {
        options.GeneratorCores.PinThisProcess();
        foreach (string server in _absences.Where(absence => !absence.Failed).Select(absence => absence.Server).Distinct(StringComparer.Ordinal).ToArray())
        {
            _absences.Add(_absences.First(absence => absence.Server == server && !absence.Failed) with { Workload = workload.Name });
        }

        try
        {
            for (int number = 1; number <= options.Rounds; number++)
            {
                foreach (ServerCommand server in number % 2 == 1 ? options.Servers : options.Servers.Reverse())
                {
                    if (!_absences.Any(absence => absence.Workload == workload.Name && absence.Server == server.Name))
                    {
                        Run(workload, server, number);
                    }
                }
            }
        }
        finally
        {
            foreach (ServerProcess process in _running.Values)
            {
                process.Dispose();
            }

            _running.Clear();
        }
    }

    private void Run(Workload workload, ServerCommand server, int number)
    {
        notes.WriteLine($"{workload.Name}, round {number} of {options.Rounds}: {server.Name}");
        bool isFirst = !_running.ContainsKey(server.Name);
        bool isStarted = !isFirst;
        try
        {
            if (isFirst)
            {
                _running.Add(server.Name, ServerProcess.Start(server, options.ServerCores));
                isStarted = true;
            }

            _rounds.Add(new Round(workload.Name, server.Name, number, Measure(workload, _running[server.Name], isFirst)));
        }
        catch (RunFailedException e)
        {
            notes.WriteLine($"lineperf: {e.Message}");
            _absences.Add(new Absence(workload.Name, server.Name, e.Message, Failed: isStarted));
            Stop(server);
        }

        if (workload.Kind == WorkloadKind.Idle)
        {
            Stop(server);
        }
    }

    private void Stop(ServerCommand server)
    {
        if (_running.Remove(server.Name, out ServerProcess? used))
        {
            used.Dispose();
        }
    }

    private Measurement Measure(Workload workload, ServerProcess server, bool isFirst)
    {
        var run = new WorkloadRun(server.EndPoint, server.Id)
        {
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
