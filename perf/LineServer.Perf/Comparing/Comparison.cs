using LineServer.Perf.Linux;
using LineServer.Perf.Load;
using LineServer.Perf.Servers;
using LineServer.Perf.Work;

namespace LineServer.Perf.Comparing;

/// <summary>
/// Measures servers side by side. Each server keeps its process for all rounds of a workload, so its JIT
/// stays warm. Every server has one turn per round, and every second round runs in reverse order, so that
/// disturbances of the machine hit all servers alike. Workloads that measure memory start a new process in
/// every round.
/// </summary>
/// <remarks>
/// A server that cannot be built or started is left out from then on; one that fails is left out of that
/// workload. Both are reported (<see cref="Absences"/>), and the other servers keep their results.
/// </remarks>
/// <param name="options">The servers, the workloads and the settings.</param>
/// <param name="notes">Receives progress.</param>
/// <param name="turns">Counts the turns.</param>
internal sealed class Comparison(ComparisonOptions options, TextWriter notes, TurnProgress turns)
{
    private readonly List<Round> _rounds = [];
    private readonly List<Absence> _absences = [];
    private readonly Dictionary<string, string> _cannotStart = new(StringComparer.Ordinal); // the reason, by server
    private readonly Dictionary<string, ServerProcess> _running = new(StringComparer.Ordinal);

    /// <summary>For all workloads so far.</summary>
    public IReadOnlyList<Round> Rounds => _rounds;

    /// <summary>For all workloads so far.</summary>
    public IReadOnlyList<Absence> Absences => _absences;

    /// <summary>Runs all rounds of a workload, for the servers that support it.</summary>
    public void Run(Workload workload)
    {
        options.GeneratorCores.PinThisProcess();
        if (workload.Handler == ServerHandler.Store)
        {
            notes.WriteLine($"{workload.Name}: stores are in {options.StoreRoot} ({StoreDirectory.FileSystemOf(options.StoreRoot)})");
        }

        foreach (ServerCommand server in options.Servers)
        {
            if (WhyNot(workload, server) is { } reason)
            {
                _absences.Add(new Absence(workload.Name, server.Name, reason, Failed: false));
            }
        }

        ServerProcess? redis = null;
        try
        {
            redis = StartRedis(workload);
            for (int number = 1; number <= options.Rounds; number++)
            {
                foreach (ServerCommand server in number % 2 == 1 ? options.Servers : options.Servers.Reverse())
                {
                    if (!Interruption.IsRequested && !IsAbsent(workload, server))
                    {
                        Run(workload, server, number, redis);
                    }
                }
            }
        }
        finally
        {
            foreach (ServerCommand server in options.Servers)
            {
                Stop(server);
            }

            redis?.Dispose();
        }

        // Only after an interruption are there servers without a round and without an absence.
        foreach (ServerCommand server in options.Servers.Where(server => !IsAbsent(workload, server)
            && !_rounds.Any(round => round.Workload == workload.Name && round.Server == server.Name)))
        {
            _absences.Add(
                new Absence(workload.Name, server.Name, "interrupted before its first turn was over", Failed: false));
        }
    }

    private bool IsAbsent(Workload workload, ServerCommand server) =>
        _absences.Any(absence => absence.Workload == workload.Name && absence.Server == server.Name);

    private string? WhyNot(Workload workload, ServerCommand server) =>
        _cannotStart.GetValueOrDefault(server.Name) ?? server.WhyNot(workload);

    // Without the Redis that a workload needs, none of its servers can be measured.
    private ServerProcess? StartRedis(Workload workload)
    {
        if (options.Servers.All(server => IsAbsent(workload, server)))
        {
            return null;
        }

        try
        {
            return Redis.StartFor(workload, options.GeneratorCores);
        }
        catch (RunFailedException e)
        {
            foreach (ServerCommand server in options.Servers.Where(server => !IsAbsent(workload, server)))
            {
                LeaveOut(workload, server, e.Message, failed: false);
            }

            return null;
        }
    }

    private void Run(Workload workload, ServerCommand server, int number, ServerProcess? redis)
    {
        notes.WriteLine($"{workload.Name}, round {number} of {options.Rounds}: {server.Name}{turns.Next()}");
        bool isFirst = !_running.ContainsKey(server.Name);
        if (isFirst && !TryStart(workload, server, redis))
        {
            return;
        }

        try
        {
            Measurement measured = Measure(workload, _running[server.Name], isFirst);
            if (Interruption.IsRequested)
            {
                // A turn that was cut short is not comparable to the others.
                return;
            }

            _rounds.Add(new Round(workload.Name, server.Name, number, measured));
            if (workload.NeedsNewProcess)
            {
                Stop(server);
            }
        }
        catch (RunFailedException e) when (!Interruption.IsRequested)
        {
            LeaveOut(workload, server, e.Message, failed: true);
            Stop(server);
        }
        catch (RunFailedException)
        {
            // The turn was cut short; its failure means nothing.
        }
    }

    private bool TryStart(Workload workload, ServerCommand server, ServerProcess? redis)
    {
        try
        {
            _running.Add(server.Name, ServerProcess.Start(server, options.ServerCores, workload, redis, options.StoreRoot));
            return true;
        }
        catch (RunFailedException e)
        {
            _cannotStart[server.Name] = e.Message;
            LeaveOut(workload, server, e.Message, failed: false);
            return false;
        }
    }

    private void LeaveOut(Workload workload, ServerCommand server, string reason, bool failed)
    {
        notes.WriteLine($"lineperf: {reason}");
        _absences.Add(new Absence(workload.Name, server.Name, reason, failed));
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
        var run = new WorkloadRun(server.Address, server.Id)
        {
            ServerWarmUp = isFirst ? options.WarmUp : TimeSpan.Zero,
            WarmUp = options.LaterWarmUp,
            Time = options.Time,
            ReplyTimeout = options.ReplyTimeout,
            LinesFile = server.LinesFile,
        };
        if (workload.Handler == ServerHandler.Store)
        {
            StoreDirectory.Settle(options.StoreRoot);
        }

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
