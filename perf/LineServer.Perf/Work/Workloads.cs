namespace LineServer.Perf.Work;

/// <summary>The workloads: those of workloads.json beside the program, and a user's.</summary>
internal sealed class Workloads
{
    private Workloads(IReadOnlyList<Workload> all) => All = all;

    public IReadOnlyList<Workload> All { get; }

    /// <summary>Those that <c>compare</c> runs if none are named.</summary>
    public IEnumerable<Workload> RunByDefault => All.Where(workload => !workload.RunsOnlyByName);

    /// <param name="file">A user's file, whose workloads follow the others; null for none.</param>
    /// <exception cref="UsageException">A file has an error; the message says where and what.</exception>
    public static Workloads Load(string? file = null)
    {
        List<Workload> all =
        [
            .. WorkloadFile.Read(Path.Combine(AppContext.BaseDirectory, "workloads.json"), taken: []),
        ];
        if (file is not null)
        {
            all.AddRange(WorkloadFile.Read(file, [.. all.Select(workload => workload.Name)]));
        }

        return new Workloads(all);
    }

    /// <exception cref="UsageException">There is no workload of this name.</exception>
    public Workload Find(string name) =>
        All.FirstOrDefault(workload => workload.Name == name)
        ?? throw new UsageException(
            $"there is no workload '{name}'; there are: {string.Join(", ", All.Select(workload => workload.Name))}");
}
