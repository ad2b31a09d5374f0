using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Reflection;
using System.Text;
using System.Text.Json;
using LineServer.Linux;
using LineServer.Perf.Comparing;
using LineServer.Perf.Generators;
using LineServer.Perf.Linux;
using LineServer.Perf.Load;
using LineServer.Perf.Profiling;
using LineServer.Perf.Reporting;
using LineServer.Perf.Servers;
using LineServer.Perf.Work;

namespace LineServer.Perf;

/// <summary>The commands and their options.</summary>
/// <param name="output">Receives results.</param>
/// <param name="notes">Receives progress and errors.</param>
internal sealed class CommandLine(TextWriter output, TextWriter notes)
{
    private const int MaxGenerators = 250;

    private static readonly JsonSerializerOptions OneLine = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };

    private readonly Option<int?> _port = new("--port")
    {
        Description = "The server's port.",
        HelpName = "N",
        CustomParser = result => ParseWhole(result, 1, 65535),
    };
    private readonly Option<IPAddress> _address = new("--address")
    {
        Description = "The server's IPv4 or IPv6 address.",
        HelpName = "IP",
        DefaultValueFactory = _ => IPAddress.Loopback,
        CustomParser = ParseAddress,
    };
    private readonly Option<string?> _unix = new("--unix")
    {
        Description = "The server's Unix socket, instead of a port; @NAME is an abstract name.",
        HelpName = "PATH",
    };
    private readonly Option<string> _protocol = new("--protocol")
    {
        Description = "echo; redis-ping: 'PING text', and the text comes back as a bulk string; redis-xadd: each line is an " +
            "entry of a stream; ls1: acknowledged lines; one-way: no replies.",
        HelpName = "NAME",
        DefaultValueFactory = _ => LineProtocol.Echo.Name,
    };
    private readonly Option<string?> _sources = new("--source")
    {
        Description = "Source addresses of the connections, in turn.",
        HelpName = "IP,IP",
    };
    private readonly Option<int> _generators = new("--generators")
    {
        Description = "Processes that share the connections. [default: as many as their descriptors need]",
        HelpName = "N",
        CustomParser = result => ParseWhole(result, 1, MaxGenerators),
    };
    private readonly Option<string?> _workloadFile = new("--workload-file")
    {
        Description = "Workloads of your own; perf/LineServer.Perf/workloads.json documents the form.",
        HelpName = "FILE",
    };
    private readonly Option<int?> _pid = new("--pid")
    {
        Description = "The server's process, to measure its CPU time and memory.",
        HelpName = "PID",
        CustomParser = result => ParseWhole(result, 1, int.MaxValue),
    };
    private readonly Option<string?> _workload = new("--workload")
    {
        Description = "A workload by name, instead of the five options below.",
        HelpName = "NAME",
    };
    private readonly Option<int> _connections = Whole(
        "--connections", 50, 1, WorkloadFields.MaxConnections, "Connections.");
    private readonly Option<int> _window = Whole(
        "--window", 1, 1, WorkloadFields.MaxWindow, "The largest number of lines in flight per connection.");
    private readonly Option<int> _lineSize = Size("--line-size", 32, "Bytes per line, with LF: 32, 4k.");
    private readonly Option<int> _maxLineSize = Size(
        "--max-line-size", 0, "Mixed sizes, from --line-size to this. 0: all lines have one size.");
    private readonly Option<double> _rate = Number(
        "--rate",
        0,
        0,
        WorkloadFields.MaxRate,
        "Lines per second over all connections, on a schedule. 0: as fast as replies arrive.");
    private readonly Option<double> _seconds = Time(
        "--seconds", 5, 0.01, 86_400, "Length of the measurement: 5, 500ms, 2m.");
    private readonly Option<double> _runWarmUp = Time("--warmup", 1, 0, 3_600, "Length of the warm-up before it.");
    private readonly Option<double> _timeout = Time(
        "--reply-timeout", 10, 0.01, 3_600, "When nothing arrives for this time, a reply counts as lost.");
    private readonly Option<bool> _asJson = new("--json")
    {
        Description = "Print one line of JSON.",
        Arity = ArgumentArity.Zero,
    };
    private readonly Option<string?> _cores = new("--cores")
    {
        Description = "Cores for the generator.",
        HelpName = "LIST",
    };

    private readonly Option<int> _wrongPort = new("--port")
    {
        Description = "Its port on 127.0.0.1.",
        HelpName = "N",
        Required = true,
        CustomParser = result => ParseWhole(result, 1, 65535),
    };
    private readonly Option<Fault> _fault = new("--fault")
    {
        Description = "The kind of mistake: drop, swap or flip.",
        HelpName = "NAME",
        Required = true,
        CustomParser = ParseFault,
    };
    private readonly Option<int> _every = Whole(
        "--every", 10_000_000, 2, int.MaxValue, "One mistake in every N lines.");

    private readonly Option<string?> _servers = new("--servers")
    {
        Description = "Names, separated by commas: see 'lineperf servers'.",
        HelpName = "A,B",
    };
    private readonly Option<string[]> _server = new("--server")
    {
        Description = "Another server. It must listen on 127.0.0.1:{port} and echo lines. " +
            "{handler} becomes 'echo', or 'discard' for workloads without replies. " +
            "It is absent from workloads whose handler awaits.",
        HelpName = "'NAME=COMMAND with {port}'",
        DefaultValueFactory = _ => [],
    };
    private readonly Option<string?> _workloads = new("--workloads")
    {
        Description = "Names, separated by commas: see 'lineperf workloads'. " +
            "[default: all but those whose handler awaits]",
        HelpName = "A,B",
    };
    private readonly Option<int> _rounds = Whole("--rounds", 5, 1, 1_000, "Turns per server.");
    private readonly Option<double> _compareSeconds = Time(
        "--seconds", 3, 0.01, 86_400, "Length of each measurement: 3, 500ms.");
    private readonly Option<double> _warmUp = Time(
        "--warmup",
        3,
        0,
        3_600,
        "Warm-up before a server's first turn; up to four times as long while its CPU time per line still falls.");
    private readonly Option<double> _laterWarmUp = Time(
        "--later-warmup", 1, 0, 3_600, "Warm-up before each later turn.");
    private readonly Option<string> _serverCores = new("--server-cpus")
    {
        Description = "Cores for the servers.",
        HelpName = "LIST",
        DefaultValueFactory = _ => "0",
    };
    private readonly Option<string> _generatorCores = new("--generator-cpus")
    {
        Description = "Cores for the generator.",
        HelpName = "LIST",
        DefaultValueFactory = _ => "1",
    };
    private readonly Option<string?> _storeDirectory = new("--store-directory")
    {
        Description = "Where servers that store lines have their files, on a disk. [default: the temporary folder]",
        HelpName = "DIR",
    };
    private readonly Option<string?> _reference = new("--reference")
    {
        Description = "The server that ratios refer to. [default: c-epoll if it is compared, else the first]",
        HelpName = "NAME",
    };
    private readonly Option<string?> _jsonFile = new("--json")
    {
        Description = "Write all rounds to this file; compressed if its name ends in .gz.",
        HelpName = "FILE",
    };
    private readonly Option<string?> _htmlFile = new("--html")
    {
        Description = "Write a page with charts to this file; it needs no other file.",
        HelpName = "FILE",
    };

    private readonly Option<string> _fromJson = new("--json")
    {
        Description = "A file that compare --json wrote.",
        HelpName = "FILE",
        Required = true,
    };
    private readonly Option<bool> _asMarkdown = new("--markdown")
    {
        Description = "Print all tables as Markdown.",
        Arity = ArgumentArity.Zero,
    };
    private readonly Option<string[]> _into = new("--into")
    {
        Description = "A Markdown document whose marked places receive the tables that they name.",
        HelpName = "FILE",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string> _profiledServer = new("--server")
    {
        Description = "A built-in server, or another one in the form of compare.",
        HelpName = "NAME",
        Required = true,
    };
    private readonly Option<string> _profiledWorkload = new("--workload")
    {
        Description = "A closed loop, or an open loop with a rate.",
        HelpName = "NAME",
        Required = true,
    };
    private readonly Option<string> _tool = new("--with")
    {
        Description = "strace: system calls per line. perf: where the CPU time goes.",
        HelpName = "strace|perf",
        DefaultValueFactory = _ => "strace",
    };

    private string _command = "lineperf";

    /// <summary>Runs the command that the arguments name.</summary>
    /// <returns>The exit status.</returns>
    public int Run(string[] args)
    {
        _command = ShellWords.Join(["lineperf", .. args]);
        RootCommand root = Build();
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.GetResult(root.Options.OfType<VersionOption>().Single()) is { Implicit: false })
        {
            output.WriteLine($"lineperf {typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion}");
            return ExitStatus.Success;
        }

        string[] commands = [.. root.Subcommands.Where(known => !known.Hidden).Select(known => known.Name)];
        if (parsed.CommandResult.Command == root && args is [[not '-', ..] name, ..])
        {
            notes.WriteLine($"lineperf: there is no command '{name}'; {Spelling.Suggest(name, commands)}");
            return ExitStatus.Usage;
        }

        if (parsed.Errors.Count > 0)
        {
            // An error about an unknown option comes first: other errors may follow from it.
            string[] known = [.. commands, .. parsed.CommandResult.Command.Options.Select(option => option.Name)];
            bool IsUnknownOption(string error) =>
                parsed.UnmatchedTokens is [var unknown, ..] && error.Contains($"'{unknown}'", StringComparison.Ordinal);
            string message = parsed.Errors.Select(error => error.Message).OrderByDescending(IsUnknownOption).First();
            message = Spelling.Explain(message.ReplaceLineEndings(" ").TrimEnd('.'), parsed.UnmatchedTokens, known);
            notes.WriteLine($"lineperf: {message} (see lineperf --help)");
            return ExitStatus.Usage;
        }

        try
        {
            return parsed.Invoke(
                new InvocationConfiguration
                {
                    EnableDefaultExceptionHandler = false,
                    ProcessTerminationTimeout = null,
                    Output = output,
                    Error = notes,
                });
        }
        catch (UsageException e)
        {
            notes.WriteLine($"lineperf: {e.Message}");
            return ExitStatus.Usage;
        }
        catch (Exception e) when (e is RunFailedException or IOException or UnauthorizedAccessException)
        {
            notes.WriteLine($"lineperf: {e.Message.TrimEnd()}");
            return ExitStatus.Failure;
        }
    }

    private RootCommand Build()
    {
        var workloads = new Command("workloads", "Lists the workloads, one per line.") { _workloadFile };
        workloads.SetAction(parsed =>
            List(Workloads.Load(parsed.GetValue(_workloadFile)).All.Select(workload => workload.Name)));
        var servers = new Command("servers", "Lists the built-in servers, one per line.");
        servers.SetAction(_ => List(BuiltInServers.All.Select(server => server.Name)));
        var run = new Command("run", "Loads a server that is already running.")
        {
            _port, _address, _unix, _protocol, _pid, _workload, _connections, _window, _lineSize, _maxLineSize, _rate,
            _seconds, _runWarmUp, _timeout, _workloadFile, _sources, _generators, _cores, _asJson,
        };
        run.SetAction(RunOnce);
        var generator = new Command("generator", "A generator process of another lineperf.") { Hidden = true };
        generator.SetAction(_ =>
        {
            GeneratorService.Serve(Console.In, Console.Out);
            return ExitStatus.Success;
        });
        var compare = new Command("compare", "Starts servers and puts the same loads on them in turn.")
        {
            _servers, _server, _workloads, _workloadFile, _rounds, _compareSeconds, _warmUp, _laterWarmUp,
            _serverCores, _generatorCores, _storeDirectory, _reference, _jsonFile, _htmlFile,
        };
        compare.SetAction(Compare);
        var report = new Command(
            "report", "Makes tables and charts from a file that compare --json wrote, without measuring.")
        {
            _fromJson, _htmlFile, _asMarkdown, _into,
        };
        report.SetAction(Report);
        var profile = new Command("profile", "Starts a server, loads it, and profiles it with strace or perf.")
        {
            _profiledServer, _profiledWorkload, _workloadFile, _tool, _compareSeconds, _warmUp,
            _serverCores, _generatorCores, _storeDirectory,
        };
        profile.SetAction(ProfileServer);
        var wrong = new Command("wrong-server", "Echoes lines, with a mistake in one of every N, to test lineperf.")
        {
            _wrongPort,
            _fault,
            _every,
        };
        wrong.SetAction(ServeWrong);
        return new RootCommand(
            """
            Loads line echo servers, checks every byte of every reply, and measures.

              lineperf compare --servers c-epoll,sockets --workloads request-reply,pipelined
              lineperf compare --servers c-epoll --server 'mine=./mine --port {port}' --workloads many
              lineperf run --port 7007 --pid 1234 --connections 50 --window 64 --seconds 5
              lineperf report --json rounds.json --html rounds.html
              lineperf profile --server epoll --workload pipelined --with strace

            Exit status: 0, 1 (a server failed, or a reply was lost, wrong or out of order), 2 (bad option),
            130 and 143 (SIGINT and SIGTERM: run and compare print what they have measured).
            """)
        {
            run, compare, report, profile, workloads, servers, wrong, generator,
        };
    }

    private int List(IEnumerable<string> names)
    {
        foreach (string name in names)
        {
            output.WriteLine(name);
        }

        return ExitStatus.Success;
    }

    private int RunOnce(ParseResult parsed)
    {
        Workload workload = WorkloadOf(parsed);
        TargetAddress server = AddressOf(parsed).Speaking(ProtocolOf(parsed, workload));
        int? pid = parsed.GetValue(_pid);
        if (pid is not null && !Directory.Exists($"/proc/{pid}"))
        {
            throw new UsageException($"--pid: there is no process {pid}");
        }

        int generators = parsed.GetValue(_generators);
        WorkloadRun.CheckGenerators(workload, generators);
        CheckDescriptors(workload, generators);
        if (parsed.GetValue(_cores) is { } cores)
        {
            Cores.Parse("--cores", cores).PinThisProcess();
        }

        Warn(BusyMachine.Warning());
        (double warmUp, double seconds) = (parsed.GetValue(_runWarmUp), parsed.GetValue(_seconds));
        using IDisposable signals = Interruption.Watch();
        using LiveProgress? progress = LiveProgress.Show(
            notes, workload.Summary, TimeSpan.FromSeconds(warmUp + seconds));
        Measurement measured = new WorkloadRun(server, pid)
        {
            WarmUp = TimeSpan.FromSeconds(warmUp),
            Time = TimeSpan.FromSeconds(seconds),
            ReplyTimeout = TimeSpan.FromSeconds(parsed.GetValue(_timeout)),
            Generators = generators,
        }.Measure(workload);
        progress?.Dispose();
        if (Interruption.Name is { } signal)
        {
            notes.WriteLine($"lineperf: ended by {signal}; these figures were measured before");
        }

        if (parsed.GetValue(_asJson))
        {
            output.WriteLine(JsonSerializer.Serialize(measured, OneLine));
        }
        else
        {
            output.WriteLine(workload.Summary);
            RunSummary.Write(output, workload.Kind, measured);
        }

        return Interruption.IsRequested ? Interruption.ExitStatus : ExitStatus.Success;
    }

    private void Warn(string? warning)
    {
        if (warning is not null)
        {
            notes.WriteLine($"lineperf: warning: {warning}");
        }
    }

    // Checked before anything starts, not after hundreds of processes.
    private static void CheckDescriptors(Workload workload, int generators)
    {
        bool isDivided = workload.Kind is WorkloadKind.ClosedLoop or WorkloadKind.OpenLoop or WorkloadKind.Idle or WorkloadKind.Scale;
        if (!isDivided || generators > 0 || GeneratorGroup.Needed(workload.Connections) <= MaxGenerators)
        {
            return;
        }

        // Binary search for the largest number of connections that has enough descriptors.
        (int possible, int tooMany) = (0, workload.Connections);
        while (tooMany - possible > 1)
        {
            int middle = possible + ((tooMany - possible) / 2);
            (possible, tooMany) = GeneratorGroup.Needed(middle) <= MaxGenerators
                ? (middle, tooMany)
                : (possible, middle);
        }

        throw new UsageException(
            $"--connections: {workload.Connections} are too many: {MaxGenerators} generators have descriptors for " +
            $"{possible} (ulimit -n raises the limit)");
    }

    private int ServeWrong(ParseResult parsed)
    {
        try
        {
            using var server = new WrongServer(
                parsed.GetValue(_wrongPort), parsed.GetValue(_fault), parsed.GetValue(_every));
            notes.WriteLine($"a server with deliberate mistakes listens on {server.EndPoint}");
            server.Serve();
            return ExitStatus.Success;
        }
        catch (SocketException e)
        {
            throw new RunFailedException($"cannot listen: {e.Message}");
        }
    }

    private Workload WorkloadOf(ParseResult parsed)
    {
        if (parsed.GetValue(_workload) is { } name)
        {
            Option[] alone = [_connections, _window, _lineSize, _maxLineSize, _rate];
            return alone.FirstOrDefault(option => IsGiven(parsed, option)) is { } both
                ? throw new UsageException($"{both.Name} cannot be given with --workload")
                : Workloads.Load(parsed.GetValue(_workloadFile)).Find(name);
        }

        if (IsGiven(parsed, _workloadFile))
        {
            throw new UsageException("--workload-file needs --workload, to name one of its workloads");
        }

        (int lineSize, int maxLineSize, double rate) = (
            parsed.GetValue(_lineSize), parsed.GetValue(_maxLineSize), parsed.GetValue(_rate));
        return maxLineSize > 0 && maxLineSize <= lineSize
            ? throw new UsageException(
                $"--max-line-size: {maxLineSize} is not more than the smallest size, --line-size {lineSize}")
            : new(
                "run",
                rate > 0 ? WorkloadKind.OpenLoop : WorkloadKind.ClosedLoop,
                parsed.GetValue(_connections),
                parsed.GetValue(_window),
                lineSize,
                rate)
            {
                MaxLineSize = maxLineSize,
            };
    }

    private LineProtocol ProtocolOf(ParseResult parsed, Workload workload)
    {
        string name = parsed.GetValue(_protocol)!;
        LineProtocol protocol = LineProtocol.All.FirstOrDefault(known => known.Name == name)
            ?? throw new UsageException(
                $"--protocol takes {string.Join(" or ", LineProtocol.All.Select(known => known.Name))}, " +
                $"not '{name}'");
        return protocol.Allows(workload.Lines)
            ? protocol
            : throw new UsageException($"--protocol: there are no lines of that size in {name}");
    }

    private TargetAddress AddressOf(ParseResult parsed)
    {
        TargetAddress server = (parsed.GetValue(_port), parsed.GetValue(_unix)) switch
        {
            ({ } port, null) => TargetAddress.Of(new IPEndPoint(parsed.GetValue(_address)!, port)),
            (null, { } path) when !IsGiven(parsed, _address) => TargetAddress.Unix(path),
            (null, { }) => throw new UsageException("--address cannot be given with --unix"),
            ({ }, { }) => throw new UsageException("--port and --unix cannot be given together"),
            _ => throw new UsageException("the server's address is missing: --port N or --unix PATH"),
        };
        if (parsed.GetValue(_sources) is not { } list)
        {
            return server;
        }

        return server.From(
            [
                .. Names("--source", list).Select(text =>
                    IPAddress.TryParse(text, out IPAddress? source)
                        ? source
                        : throw new UsageException($"--source: '{text}' is not an IP address")),
            ]);
    }

    private static bool IsGiven(ParseResult parsed, Option option) => parsed.GetResult(option) is { Implicit: false };

    private int Compare(ParseResult parsed)
    {
        ServerCommand[] given = [.. parsed.GetValue(_server)!.Select(ServerCommand.Parse)];
        ServerCommand[] servers =
        [
            .. Names("--servers", parsed.GetValue(_servers)).Select(name => BuiltInServers.Find(name, given)),
            .. given.Where(server =>
                !Names("--servers", parsed.GetValue(_servers)).Contains(server.Name, StringComparer.Ordinal)),
        ];
        if (servers.Length == 0)
        {
            throw new UsageException(
                $"no server: --servers takes {string.Join(", ", BuiltInServers.All.Select(server => server.Name))}");
        }

        if (servers.GroupBy(server => server.Name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw new UsageException($"the server '{twice.Key}' is given twice");
        }

        string reference = parsed.GetValue(_reference)
            ?? (servers.FirstOrDefault(server => server.Name == "c-epoll") ?? servers[0]).Name;
        if (!servers.Any(server => server.Name == reference))
        {
            throw new UsageException(
                $"--reference: '{reference}' is not one of the servers: " +
                $"{string.Join(", ", servers.Select(server => server.Name))}");
        }

        string[] names = Names("--workloads", parsed.GetValue(_workloads));
        var workloads = Workloads.Load(parsed.GetValue(_workloadFile));
        var options = new ComparisonOptions
        {
            Servers = servers,
            Workloads = names.Length == 0 ? [.. workloads.RunByDefault] : [.. names.Select(workloads.Find)],
            Rounds = parsed.GetValue(_rounds),
            Time = TimeSpan.FromSeconds(parsed.GetValue(_compareSeconds)),
            WarmUp = TimeSpan.FromSeconds(parsed.GetValue(_warmUp)),
            LaterWarmUp = TimeSpan.FromSeconds(parsed.GetValue(_laterWarmUp)),
            ServerCores = Cores.Parse("--server-cpus", parsed.GetValue(_serverCores)!),
            GeneratorCores = Cores.Parse("--generator-cpus", parsed.GetValue(_generatorCores)!),
            Reference = reference,
            StoreRoot = StoreDirectory.RootOf(parsed.GetValue(_storeDirectory)),
        };
        (string? json, string? html) = (
            Writable("--json", parsed.GetValue(_jsonFile)), Writable("--html", parsed.GetValue(_htmlFile)));
        if (json is not null && html is not null && Path.GetFullPath(json) == Path.GetFullPath(html))
        {
            throw new UsageException($"--json and --html: {json} cannot be both");
        }

        Warn(BusyMachine.Warning());
        Warn(
            options.Rounds == 1
                ? "--rounds 1: one round shows neither a spread nor whether a difference holds; use 5 or more"
                : null);
        using IDisposable signals = Interruption.Watch();
        new ComparisonRun(options, _command, output, notes) { JsonFile = json, HtmlFile = html }.Run();
        if (Interruption.Name is { } signal)
        {
            notes.WriteLine($"lineperf: ended by {signal}; the tables have the turns that were complete");
            return Interruption.ExitStatus;
        }

        return ExitStatus.Success;
    }

    private int Report(ParseResult parsed)
    {
        ComparisonDocument document = ComparisonFile.Read(parsed.GetValue(_fromJson)!);
        IReadOnlyList<ReportTable> tables = ReportTables.Of(document);
        string? html = Writable("--html", parsed.GetValue(_htmlFile));
        if (html is not null)
        {
            HtmlReport.Write(html, document);
        }

        // All documents are filled before the first is written: if one fails, none changes.
        string[] documents = parsed.GetValue(_into)!;
        (string File, byte[] Filled)[] filled =
        [
            .. documents.Select(file =>
                (file, Encoding.UTF8.GetBytes(MarkedSections.Fill(file, File.ReadAllText(file), tables)))),
        ];
        foreach ((string file, byte[] content) in filled)
        {
            WholeFile.Write(file, written => written.Write(content));
        }

        if (parsed.GetValue(_asMarkdown))
        {
            output.Write(string.Join('\n', tables.Select(table => $"{table.Title}\n\n{Markdown.Of(table)}")));
        }
        else if (html is null && documents.Length == 0)
        {
            foreach (ReportTable table in tables)
            {
                ConsoleTable.Write(output, table);
                output.WriteLine();
            }
        }

        return ExitStatus.Success;
    }

    private int ProfileServer(ParseResult parsed)
    {
        string name = parsed.GetValue(_profiledServer)!, tool = parsed.GetValue(_tool)!;
        Workload workload = Workloads.Load(parsed.GetValue(_workloadFile)).Find(parsed.GetValue(_profiledWorkload)!);
        if (workload.Kind is not (WorkloadKind.ClosedLoop or WorkloadKind.OpenLoop) || workload.Load > 0)
        {
            throw new UsageException(
                $"--workload: '{workload.Name}' cannot be profiled; only closed loops, and open loops with a rate, " +
                "can");
        }

        ServerCommand server = name.Contains('=', StringComparison.Ordinal)
            ? ServerCommand.Parse(name)
            : BuiltInServers.Find(name, []);
        if (server.WhyNot(workload) is { } reason)
        {
            throw new UsageException($"--workload: '{server.Name}' {reason}");
        }

        new Profile
        {
            Server = server,
            Workload = workload,
            Tool = ProfilingTool.All.TryGetValue(tool, out Func<ProfilingTool>? make)
                ? make()
                : throw new UsageException($"--with takes {string.Join(" or ", ProfilingTool.All.Keys)}, not '{tool}'"),
            WarmUp = TimeSpan.FromSeconds(parsed.GetValue(_warmUp)),
            Time = TimeSpan.FromSeconds(parsed.GetValue(_compareSeconds)),
            ServerCores = Cores.Parse("--server-cpus", parsed.GetValue(_serverCores)!),
            GeneratorCores = Cores.Parse("--generator-cpus", parsed.GetValue(_generatorCores)!),
            StoreRoot = StoreDirectory.RootOf(parsed.GetValue(_storeDirectory)),
        }.Run(output);
        return ExitStatus.Success;
    }

    // Checked before the measurement, which may take an hour.
    private static string? Writable(string option, string? file)
    {
        if (file is null)
        {
            return null;
        }

        if (file.Length == 0 || Directory.Exists(file))
        {
            throw new UsageException($"{option}: '{file}' is not the name of a file");
        }

        if (!Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(file))))
        {
            throw new UsageException($"{option}: there is no folder for {file}");
        }

        try
        {
            WholeFile.Try(file);
            return file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{option}: {file} cannot be written: {e.Message}");
        }
    }

    private static string[] Names(string option, string? list)
    {
        string[] names = list?.Split(',', StringSplitOptions.TrimEntries) ?? [];
        return names.Any(name => name.Length == 0)
            ? throw new UsageException($"{option}: there is an empty name in '{list}'")
            : names;
    }

    private static Option<int> Whole(string name, int standard, int min, int max, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "N",
            DefaultValueFactory = _ => standard,
            CustomParser = result => ParseWhole(result, min, max),
        };

    private static Option<int> Size(string name, int standard, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "BYTES",
            DefaultValueFactory = _ => standard,
            CustomParser = result => ParseSize(result, LineSizes.Smallest, WorkloadFields.MaxLineSize),
        };

    private static Option<double> Time(string name, double standard, double min, double max, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "TIME",
            DefaultValueFactory = _ => standard,
            CustomParser = result => ParseTime(result, min, max),
        };

    private static Option<double> Number(string name, double standard, double min, double max, string description) =>
        new(name)
        {
            Description = description,
            HelpName = "N",
            DefaultValueFactory = _ => standard,
            CustomParser = result => ParseNumber(result, min, max),
        };

    private static int ParseWhole(ArgumentResult result, int min, int max)
    {
        string text = result.Tokens[0].Value;
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value)
            || value < min
            || value > max)
        {
            result.AddError($"{OptionName(result)} takes a whole number from {min} to {max}, not '{text}'");
        }

        return value;
    }

    private static int ParseSize(ArgumentResult result, int min, int max)
    {
        string text = result.Tokens[0].Value;
        if (!Units.TryParseSize(text, out long size) || size < min || size > max)
        {
            result.AddError($"{OptionName(result)} takes a size from {min} to {max}, as in 32 or 4k, not '{text}'");
        }

        return (int)Math.Clamp(size, 0, max);
    }

    // A plain number is in seconds.
    private static double ParseTime(ArgumentResult result, double min, double max)
    {
        string text = result.Tokens[0].Value;
        if (!Units.TryParseTime(text, plainIsSeconds: true, out TimeSpan time)
            || time.TotalSeconds < min
            || time.TotalSeconds > max)
        {
            result.AddError(
                $"{OptionName(result)} takes a time from {min:0.###}s to {max:0}s, as in 5, 500ms or 2m, " +
                $"not '{text}'");
        }

        return time.TotalSeconds;
    }

    // Written so that NaN is out of range too.
    private static double ParseNumber(ArgumentResult result, double min, double max)
    {
        string text = result.Tokens[0].Value;
        if (!double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value)
            || !(value >= min && value <= max))
        {
            result.AddError($"{OptionName(result)} takes a number from {min:0.###} to {max:0}, not '{text}'");
        }

        return value;
    }

    private static IPAddress? ParseAddress(ArgumentResult result)
    {
        if (IPAddress.TryParse(result.Tokens[0].Value, out IPAddress? address))
        {
            return address;
        }

        result.AddError($"--address takes an IP address, not '{result.Tokens[0].Value}'");
        return null;
    }

    private static Fault ParseFault(ArgumentResult result)
    {
        string text = result.Tokens[0].Value;
        Fault[] found =
        [
            .. Enum.GetValues<Fault>().Where(fault =>
                fault.ToString().Equals(text, StringComparison.OrdinalIgnoreCase)),
        ];
        if (found.Length == 0)
        {
            result.AddError($"--fault takes drop, swap or flip, not '{text}'");
        }

        return found.FirstOrDefault();
    }

    private static string OptionName(ArgumentResult result) => ((OptionResult)result.Parent!).Option.Name;
}
