using LineServer.Perf.Linux;
using LineServer.Perf.Load;
using LineServer.Perf.Reporting;
using LineServer.Perf.Servers;
using LineServer.Perf.Work;

namespace LineServer.Perf.Comparing;

/// <summary>
/// Runs a whole comparison: all workloads, and after each one its table and the files so far.
/// </summary>
/// <param name="options">The servers, the workloads and the settings.</param>
/// <param name="command">The lineperf command, in shell syntax.</param>
/// <param name="output">Receives the tables.</param>
/// <param name="notes">Receives progress.</param>
internal sealed class ComparisonRun(ComparisonOptions options, string command, TextWriter output, TextWriter notes)
{
    private readonly Dictionary<string, string?> _versions = new(StringComparer.Ordinal);
    private readonly List<string> _notWritten = []; // after the last workload

    /// <summary>The JSON file; null for none.</summary>
    public string? JsonFile { get; init; }

    /// <summary>The HTML page; null for none.</summary>
    public string? HtmlFile { get; init; }

    /// <exception cref="RunFailedException">
    /// A server failed, no server could be measured, or a file could not be written. All other results have
    /// been written before.
    /// </exception>
    public void Run()
    {
        DateTimeOffset started = DateTimeOffset.Now;
        long start = Clock.Now;
        var machine = Machine.Read();
        int turns = options.Workloads.Count * options.Servers.Count * options.Rounds;
        var comparison = new Comparison(
            options, notes, new TurnProgress(turns, LiveProgress.IsTerminal(notes), TimeProvider.System));
        for (int i = 0; i < options.Workloads.Count; i++)
        {
            comparison.Run(options.Workloads[i]);
            if (Interruption.IsRequested
                && !comparison.Rounds.Any(round => round.Workload == options.Workloads[i].Name))
            {
                break;
            }

            var document = new ComparisonDocument
            {
                Format = ComparisonDocument.CurrentFormat,
                Command = command,
                Started = started,
                DurationSeconds = (Clock.Now - start) / 1e9,
                Machine = machine,
                ServerCores = options.ServerCores.Text,
                GeneratorCores = options.GeneratorCores.Text,
                Rounds = options.Rounds,
                Seconds = options.Time.TotalSeconds,
                WarmUpSeconds = options.WarmUp.TotalSeconds,
                LaterWarmUpSeconds = options.LaterWarmUp.TotalSeconds,
                Reference = options.Reference,
                Servers =
                [
                    .. options.Servers.Select(server =>
                        new ComparedServer(server.Name, server.Command, VersionOf(server, comparison))),
                ],
                Workloads = [.. options.Workloads.Take(i + 1)],
                Absences = [.. comparison.Absences],
                Measurements = [.. comparison.Rounds],
            };
            ConsoleTable.Write(output, WorkloadTable.Of(document, options.Workloads[i]));

            // After each workload, so that a later failure cannot lose these results.
            Write(document);
            if (Interruption.IsRequested)
            {
                break;
            }
        }

        if (!Interruption.IsRequested && comparison.Absences.FirstOrDefault(absence => absence.Failed) is { } failed)
        {
            throw new RunFailedException($"{failed.Workload}: {failed.Reason}");
        }

        if (comparison.Rounds.Count == 0 && !Interruption.IsRequested)
        {
            throw new RunFailedException("no server could be measured");
        }

        if (_notWritten.Count > 0)
        {
            throw new RunFailedException($"not written: {string.Join(", ", _notWritten)}");
        }
    }

    private void Write(ComparisonDocument document)
    {
        _notWritten.Clear();
        Write(JsonFile, file => ComparisonFile.Write(file, document));
        Write(HtmlFile, file => HtmlReport.Write(file, document));
    }

    // A full disk does not stop the comparison: the tables are still printed, and the next workload writes
    // the whole file again.
    private void Write(string? file, Action<string> write)
    {
        try
        {
            if (file is not null)
            {
                write(file);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            notes.WriteLine($"lineperf: {file} could not be written: {e.Message}");
            _notWritten.Add(file!);
        }
    }

    // Asked between workloads, and only of servers that have run: so they are built.
    private string? VersionOf(ServerCommand server, Comparison comparison)
    {
        if (!_versions.TryGetValue(server.Name, out string? version)
            && comparison.Rounds.Any(round => round.Server == server.Name))
        {
            version = ServerVersion.Of(server);
            _versions.Add(server.Name, version);
        }

        return version;
    }
}
