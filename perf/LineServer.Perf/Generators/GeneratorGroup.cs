using System.Globalization;
using LineServer.Perf.Linux;
using LineServer.Perf.Load;
using LineServer.Perf.Work;

namespace LineServer.Perf.Generators;

/// <summary>
/// Divides connections over several processes of this program, if one process does not have enough
/// descriptors. If the server is on a loopback address, each process connects from a loopback address of its
/// own. All processes measure the same interval; their histograms are added bucket by bucket.
/// </summary>
internal sealed class GeneratorGroup : ILoad
{
    // Descriptors of a process besides its connections: the runtime, the event queue, /proc.
    private const int OtherDescriptors = 200;

    // A terminal sends SIGINT to the generators too, and they stop at once. This process looks at least this
    // often, so its own interval ends at most this much later.
    private const long LongestSleep = 20_000_000;

    private readonly List<GeneratorProcess> _processes = [];

    /// <param name="server">The server's address.</param>
    /// <param name="workload">The work of all processes together.</param>
    /// <param name="replyTimeout">If nothing arrives for this time, a reply is lost.</param>
    /// <param name="processes">The number of processes; at most one per connection.</param>
    public GeneratorGroup(TargetAddress server, Workload workload, TimeSpan replyTimeout, int processes)
    {
        processes = Math.Min(processes, workload.Connections);
        int[] shares = Shares(workload.Connections, processes);
        try
        {
            int firstNumber = 0;
            for (int i = 0; i < processes; i++)
            {
                TargetAddress from = server.FromLoopback(1, first: i + 1);
                Workload share = workload with
                {
                    Connections = shares[i],
                    Rate = workload.Rate * shares[i] / workload.Connections,
                };
                var setup = new GeneratorSetup(
                    from.ToString(),
                    from.Protocol.Name,
                    [.. from.Sources.Select(source => source.ToString())],
                    share,
                    replyTimeout.TotalSeconds,
                    firstNumber);
                _processes.Add(new GeneratorProcess(i + 1, setup));
                firstNumber += shares[i];
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How many processes it takes to have descriptors for this many connections.</summary>
    public static int Needed(int connections)
    {
        // "Max open files            20000                20000                files": the soft limit holds.
        // The runtime has already raised it to the hard limit.
        string limit = File.ReadLines("/proc/self/limits").First(line =>
            line.StartsWith("Max open files", StringComparison.Ordinal));
        string soft = limit["Max open files".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        int most = int.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out int descriptors)
            ? descriptors
            : int.MaxValue;
        int each = Math.Max(1, most - OtherDescriptors);
        return ((connections - 1) / each) + 1;
    }

    // One after the other, so that no accept queue overflows.
    public void Open(int connections)
    {
        int[] shares = Shares(connections, _processes.Count);
        for (int i = 0; i < shares.Length; i++)
        {
            _processes[i].Begin(new GeneratorCommand("open", shares[i]));
            _ = _processes[i].End();
        }
    }

    public void CheckOpen()
    {
        foreach (GeneratorProcess process in _processes)
        {
            process.Begin(new GeneratorCommand("check"));
            _ = process.End();
        }
    }

    public LoadResult Run(long from, long until, int? process)
    {
        foreach (GeneratorProcess generator in _processes)
        {
            generator.Begin(new GeneratorCommand("run", From: from, Until: until));
        }

        SleepUntil(from);
        var interval = Interval.BeginNow(process);
        SleepUntil(until);
        if (Interruption.IsRequested)
        {
            _processes.ForEach(generator => generator.Interrupt());
        }

        Measurement server = interval.End();
        LatencyHistogram sent = new(), due = new();
        long lines = 0, late = 0;
        double cpu = 0, delay = 0;
        bool onSchedule = false;
        foreach (GeneratorReply reply in _processes.ConvertAll(generator => generator.End()))
        {
            lines += reply.Measured!.Lines;
            late += reply.Measured.LateLines ?? 0;
            cpu += reply.Measured.GeneratorCpuSeconds;
            delay += reply.Measured.GeneratorDelaySeconds;
            sent.Add(LatencyHistogram.Import(reply.FromSent));
            if (reply.FromDue is { } exported)
            {
                onSchedule = true;
                due.Add(LatencyHistogram.Import(exported));
            }
        }

        return new(
            server with
            {
                Lines = lines,
                LateLines = onSchedule ? late : null,
                GeneratorCpuSeconds = cpu,
                GeneratorDelaySeconds = delay,
                Generators = _processes.Count,
                GeneratorCores = Math.Min(_processes.Count, Cores.Allowed),
            },
            sent,
            onSchedule ? due : null);
    }

    public void Dispose() => _processes.ForEach(process => process.Dispose());

    private static void SleepUntil(long time)
    {
        for (long left = time - Clock.Now; left > 0 && !Interruption.IsRequested; left = time - Clock.Now)
        {
            Thread.Sleep(
                TimeSpan.FromTicks(Math.Min(left, LongestSleep) / TimeSpan.NanosecondsPerTick)
                + TimeSpan.FromMilliseconds(1));
        }
    }

    // The shares differ by at most one.
    private static int[] Shares(int connections, int processes) =>
    [
        .. Enumerable.Range(0, processes).Select(i =>
            (connections / processes) + (i < connections % processes ? 1 : 0)),
    ];
}
