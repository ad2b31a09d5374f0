using LineServer.Perf.Linux;
using LineServer.Perf.Servers;
using LineServer.Perf.Work;

namespace LineServer.Perf.Profiling;

/// <summary>Runs a workload on a server, and attaches a profiling tool after the warm-up.</summary>
internal sealed record Profile
{
    public required ServerCommand Server { get; init; }

    public required Workload Workload { get; init; }

    public required ProfilingTool Tool { get; init; }

    public required TimeSpan WarmUp { get; init; }

    /// <summary>How long the tool is attached.</summary>
    public required TimeSpan Time { get; init; }

    public required Cores ServerCores { get; init; }

    public required Cores GeneratorCores { get; init; }

    /// <summary>Where the directories of servers that store are made.</summary>
    public required string StoreRoot { get; init; }

    /// <exception cref="RunFailedException">The server or the tool failed.</exception>
    public void Run(TextWriter output)
    {
        // The tool inherits these cores, so it disturbs the generator rather than the server.
        GeneratorCores.PinThisProcess();
        Measurement measured;
        using (ServerProcess? redis = Redis.StartFor(Workload, GeneratorCores))
        using (var process = ServerProcess.Start(Server, ServerCores, Workload, redis, StoreRoot))
        {
            try
            {
                measured = new WorkloadRun(process.Address, process.Id)
                {
                    WarmUp = WarmUp,
                    Time = Time,
                    Generators = 1,
                    Watch = () => Tool.Watch(process.Id),
                }.Measure(Workload);
            }
            catch (RunFailedException e)
            {
                throw process.Explain(e);
            }
        }

        output.WriteLine($"{Server.Name}, {Workload.Name}: {Workload.Summary}");
        Tool.Report(output, measured);
    }
}
