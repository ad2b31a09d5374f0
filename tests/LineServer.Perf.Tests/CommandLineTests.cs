using System.Text.Json;
using LineServer.Perf.Comparing;
using LineServer.Perf.Servers;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests;

public class CommandLineTests
{
    [Fact]
    public void Workloads_and_servers_are_listed_one_a_line()
    {
        Assert.Equal(Workloads.Load().All.Select(workload => workload.Name), Lines(InProcess("workloads")), StringComparer.Ordinal);
        Assert.Equal(BuiltInServers.All.Select(server => server.Name), Lines(InProcess("servers")), StringComparer.Ordinal);
    }

    [Fact]
    public void Every_built_in_server_discards_but_redis_and_those_that_await_or_store()
    {
        Workload ingest = Workloads.Load().All.Single(workload => workload.Kind == WorkloadKind.Ingest);
        Assert.Equal(
            ["awaits-sockets", "awaits-epoll", "redis", "ls1-synced", "ls1-written", "ls1-no-store", "discard", "redis-xadd", "rsyslog"],
            BuiltInServers.All.Where(server => !server.Supports(ingest)).Select(server => server.Name),
            StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("await-yield", "awaits-sockets awaits-epoll tokio rust-threads go netty kestrel-pipelines")]
    [InlineData("await-task-pipelined", "awaits-sockets awaits-epoll tokio rust-threads go netty kestrel-pipelines")]
    [InlineData("store-many", "ls1-synced ls1-written ls1-no-store discard redis-xadd rsyslog")]
    [InlineData("await-remote-many", "awaits-sockets awaits-epoll go netty kestrel-pipelines")]
    [InlineData("await-remote-concurrent", "awaits-sockets awaits-epoll go netty kestrel-pipelines")]
    public void Ours_and_some_peers_have_handlers_that_await(string workload, string servers)
    {
        Workload waits = Workloads.Load().Find(workload);
        Assert.Equal(
            servers.Split(' '),
            BuiltInServers.All.Where(server => server.Supports(waits)).Select(server => server.Name),
            StringComparer.Ordinal);
    }

    [Fact]
    public void A_user_s_server_echoes_and_discards_if_its_command_says_so_and_never_awaits()
    {
        Assert.Equal(["echo"], ServerCommand.Parse("mine=./mine {port}").Handlers, StringComparer.Ordinal);
        Assert.Equal(["echo", "discard"], ServerCommand.Parse("mine=./mine {port} {handler}").Handlers, StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("no server", "compare")]
    [InlineData("there is no server 'nobody'", "compare", "--servers", "nobody")]
    [InlineData("there is no workload 'nothing'", "compare", "--servers", "c-epoll", "--workloads", "nothing")]
    [InlineData("has no {port}", "compare", "--server", "mine=./mine")]
    [InlineData("is not 'name=command with {port}'", "compare", "--server", "mine")]
    [InlineData("is given twice", "compare", "--servers", "c-epoll,c-epoll")]
    [InlineData("is not one of the servers", "compare", "--servers", "c-epoll", "--reference", "sockets")]
    [InlineData("is not a list of cores", "compare", "--servers", "c-epoll", "--server-cpus", "x")]
    [InlineData("there is no core 1000", "compare", "--servers", "c-epoll", "--generator-cpus", "1000")]
    [InlineData("--rounds takes a whole number from 1 to 1000, not '0'", "compare", "--servers", "c-epoll", "--rounds", "0")]
    [InlineData("--line-size takes a size from 8 to 65536, as in 32 or 4k, not '7'", "run", "--port", "1", "--line-size", "7")]
    [InlineData("there is no folder for nowhere/x.json", "compare", "--servers", "c-epoll", "--json", "nowhere/x.json")]
    [InlineData("there is no folder for nowhere/x.html", "compare", "--servers", "c-epoll", "--html", "nowhere/x.html")]
    [InlineData("--json: '/proc' is not the name of a file", "compare", "--servers", "c-epoll", "--json", "/proc")]
    [InlineData("--html: '' is not the name of a file", "compare", "--servers", "c-epoll", "--html", "")]
    [InlineData("--json: /proc/x.json cannot be written: ", "compare", "--servers", "c-epoll", "--json", "/proc/x.json")]
    [InlineData("--json and --html: /tmp/lineperf-both cannot be both", "compare", "--servers", "c-epoll", "--json", "/tmp/lineperf-both", "--html", "/tmp/../tmp/lineperf-both")]
    [InlineData("--seconds takes a time from 0.01s to 86400s, as in 5, 500ms or 2m, not 'nan'", "run", "--port", "1", "--seconds", "nan")]
    [InlineData("--rate takes a number from 0 to 100000000, not 'NaN'", "run", "--port", "1", "--rate", "NaN")]
    [InlineData("--rate takes a number from 0 to 100000000, not 'Infinity'", "run", "--port", "1", "--rate", "Infinity")]
    [InlineData("there is no command 'foo'; there are: run, compare, report, profile, workloads, servers, wrong-server", "foo")]
    [InlineData("there is no command 'foo'", "foo", "--port", "1")]
    [InlineData("there is no command 'compar'; did you mean 'compare'?", "compar", "--rounds", "1")]
    [InlineData("'--line-sise'; did you mean '--line-size'?", "run", "--port", "1", "--line-sise", "4k")]
    [InlineData("--line-size takes a size from 8 to 65536, as in 32 or 4k, not '128k'", "run", "--port", "1", "--line-size", "128k")]
    [InlineData("--pid: there is no process 2147483647", "run", "--port", "1", "--pid", "2147483647")]
    [InlineData("--json", "report")]
    [InlineData("there is no server 'nobody'", "profile", "--server", "nobody", "--workload", "many")]
    [InlineData("'idle' cannot be profiled", "profile", "--server", "c-epoll", "--workload", "idle")]
    [InlineData("--with takes strace or perf, not 'gdb'", "profile", "--server", "c-epoll", "--workload", "many", "--with", "gdb")]
    [InlineData("--max-line-size: 20 is not more than the smallest size, --line-size 32", "run", "--port", "1", "--max-line-size", "20")]
    [InlineData("the server's address is missing: --port N or --unix PATH", "run")]
    [InlineData("--port and --unix cannot be given together", "run", "--port", "1", "--unix", "/a")]
    [InlineData("--address cannot be given with --unix", "run", "--unix", "/a", "--address", "::1")]
    [InlineData("no connection to unix:/a can come from 127.0.0.1", "run", "--unix", "/a", "--source", "127.0.0.1")]
    [InlineData("--source: 'x' is not an IP address", "run", "--port", "1", "--source", "127.0.0.1,x")]
    [InlineData("--generators: 'churn' runs in one process only", "run", "--port", "1", "--workload", "churn", "--generators", "2")]
    [InlineData("--workload-file needs --workload", "run", "--port", "1", "--workload-file", "/nowhere")]
    [InlineData("cannot read the workloads", "compare", "--servers", "c-epoll", "--workload-file", "/nowhere")]
    [InlineData("--protocol takes echo or redis-ping or redis-xadd or ls1 or one-way, not 'http'", "run", "--port", "1", "--protocol", "http")]
    [InlineData("--protocol: there are no lines of that size in redis-ping", "run", "--port", "1", "--protocol", "redis-ping", "--line-size", "20")]
    [InlineData("--fault takes drop, swap or flip, not 'all'", "wrong-server", "--port", "1", "--fault", "all")]
    [InlineData("--port takes a whole number from 1 to 65535, not '0'", "run", "--port", "0")]
    [InlineData("--address takes an IP address, not 'localhost'", "run", "--port", "1", "--address", "localhost")]
    [InlineData("--window cannot be given with --workload", "run", "--port", "1", "--workload", "many", "--window", "2")]
    public void A_mistake_is_one_line_and_exit_status_2(string problem, params string[] args)
    {
        (int exitStatus, string output, string notes) = InProcess(args);
        Assert.Equal(2, exitStatus);
        Assert.Empty(output);
        Assert.Contains(problem, Assert.Single(Lines((0, notes, ""))));
    }

    [Fact]
    public void Version_says_name_and_version()
    {
        (int exitStatus, string output, _) = InProcess("--version");
        Assert.Equal(0, exitStatus);
        Assert.StartsWith("lineperf 0.", output);
    }

    [Fact]
    public async Task Sizes_and_times_take_units()
    {
        using var server = new EchoServer(EchoServer.Same);
        (int exitStatus, string output, string notes) = await Lineperf.RunAsync(
            "run", "--port", $"{server.EndPoint.Port}", "--connections", "1", "--line-size", "1k", "--max-line-size", "4KiB", "--warmup", "0ms", "--seconds", "200ms", "--reply-timeout", "1m");
        Assert.True(exitStatus == 0, notes);
        Assert.Contains("1024", output.Replace(",", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_comparison_with_the_C_server_runs_from_end_to_end()
    {
        string file = Path.GetTempFileName();
        try
        {
            (int exitStatus, string output, string notes) = await Lineperf.RunAsync(
                "compare", "--servers", "c-epoll", "--workloads", "pipelined,steady", "--rounds", "1", "--seconds", "1", "--warmup", "0.1",
                "--server-cpus", "0", "--generator-cpus", "0", "--json", file);
            Assert.True(exitStatus == 0, notes);
            Assert.Contains("| c-epoll |", output);
            Assert.Contains("CPU ns a line", output);
            using var report = JsonDocument.Parse(File.ReadAllText(file));
            JsonElement[] rounds = [.. report.RootElement.GetProperty("measurements").EnumerateArray()];
            Assert.Equal(["pipelined", "steady"], rounds.Select(round => round.GetProperty("workload").GetString()), StringComparer.Ordinal);
            Assert.All(rounds, round =>
            {
                JsonElement measured = round.GetProperty("measured");
                Assert.True(measured.GetProperty("lines").GetInt64() > 0);
                Assert.True(measured.GetProperty("serverCpuSeconds").GetDouble() > 0);
                Assert.True(measured.GetProperty("fromSent").GetProperty("p99").GetDouble() > 0);
            });
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_server_that_has_no_discard_mode_is_named_and_one_that_has_is_measured()
    {
        string peer = Path.Combine(Checkout.Root, "perf/peers/bin/c-epoll"), file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, """{ "workloads": [ { "name": "mine", "kind": "ingest", "connections": 3, "lineSize": 8, "maxLineSize": 100 } ] }""");
            (int exitStatus, string output, string notes) = await Lineperf.RunAsync(
                "compare", "--servers", "c-epoll", "--server", $"echoes={peer} --port {{port}}", "--server", $"takes={peer} --port {{port}} --handler {{handler}}",
                "--workload-file", file, "--workloads", "mine", "--rounds", "1", "--seconds", "0.2", "--warmup", "0", "--server-cpus", "0", "--generator-cpus", "0");
            Assert.True(exitStatus == 0, notes);
            Assert.Contains("mine: 3 connections that send as fast as the server takes it, lines of 8 to 100 bytes, no replies", output);
            Assert.Contains("echoes: no result: has no discard mode\n", output);
            Assert.Matches(@"\| takes +\| +[0-9]", output);
            Assert.Matches(@"\| c-epoll +\| +[0-9]", output);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public async Task A_server_that_ends_before_it_listens_fails_the_run_with_its_last_words()
    {
        (int exitStatus, _, string notes) = await Lineperf.RunAsync(
            "compare", "--server", "dies=sh -c 'echo no port {port} >&2; exit 3'", "--workloads", "many", "--server-cpus", "0", "--generator-cpus", "0");
        Assert.Equal(1, exitStatus);
        Assert.Contains("'dies' ended with status 3 before it listened; its last words: no port", notes);
    }

    [Fact]
    public async Task A_server_that_cannot_be_started_is_named_and_takes_nothing_from_the_others()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            string json = Path.Combine(folder, "rounds.json"), html = Path.Combine(folder, "rounds.html");
            (int exitStatus, string output, string notes) = await Lineperf.RunAsync(
                "compare", "--server", "dies=sh -c 'echo no port {port} >&2; exit 3'", "--servers", "c-epoll", "--workloads", "request-reply,pipelined", "--rounds", "2",
                "--seconds", "0.1", "--warmup", "0.1", "--later-warmup", "0", "--server-cpus", "0", "--generator-cpus", "0", "--json", json, "--html", html);
            Assert.True(exitStatus == 0, notes);

            ComparisonDocument document = ComparisonFile.Read(json);
            Assert.Equal(["request-reply", "pipelined"], document.Absences.Select(absence => absence.Workload), StringComparer.Ordinal);
            Assert.All(document.Absences, absence => Assert.Equal(("dies", false), (absence.Server, absence.Failed)));
            Assert.StartsWith("'dies' ended with status 3 before it listened; its last words: no port", document.Absences[0].Reason);
            Assert.Equal(4, document.Measurements.Count(round => round.Server == "c-epoll"));
            Assert.Contains($"dies: no result: {document.Absences[0].Reason}", output);
            Assert.Contains("dies", await File.ReadAllTextAsync(html));

            // It is not started again, because that would take its time in each workload.
            Assert.Single(notes.Split('\n'), line => line.EndsWith(": dies", StringComparison.Ordinal));

            // The machine and the versions.
            Assert.StartsWith("""lineperf compare --server 'dies=sh -c '\''echo no port {port} >&2; exit 3'\''' --servers c-epoll""", document.Command);
            Assert.StartsWith("gcc ", document.Servers.Single(server => server.Name == "c-epoll").Version);
            Assert.True(document.Machine is { Cores: > 0, MemoryBytes: > 0, Processor.Length: > 0, Kernel.Length: > 0 });
            Assert.True(document.DurationSeconds > 0.4);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_server_that_is_wrong_fails_the_comparison_when_the_others_have_been_written()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            string json = Path.Combine(folder, "rounds.json"), lineperf = Path.Combine(AppContext.BaseDirectory, "lineperf");
            (int exitStatus, _, string notes) = await Lineperf.RunAsync(
                "compare", "--server", $"wrong={lineperf} wrong-server --port {{port}} --fault flip --every 1000", "--servers", "c-epoll", "--workloads", "pipelined,fat-pipe",
                "--rounds", "2", "--seconds", "0.3", "--warmup", "0.1", "--server-cpus", "0", "--generator-cpus", "0", "--json", json);
            Assert.Equal(1, exitStatus);
            Assert.Contains("lineperf: pipelined: 'wrong': connection ", notes);
            ComparisonDocument document = ComparisonFile.Read(json);
            Assert.Equal(4, document.Measurements.Count(round => round.Server == "c-epoll"));
            Assert.Equal(["pipelined", "fat-pipe"], document.Absences.Select(absence => absence.Workload), StringComparer.Ordinal);
            Assert.All(document.Absences, absence => Assert.True(absence.Failed));
            Assert.Equal(2, document.Workloads.Count);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task More_connections_than_all_generators_have_descriptors_for_are_refused_at_once()
    {
        (int exitStatus, _, string notes) = await Lineperf.RunAtAsync("bash", "-c", $"ulimit -n 1024 && exec {Lineperf.Program} run --port 1 --connections 300000");
        Assert.Equal(2, exitStatus);
        Assert.Equal("lineperf: --connections: 300000 are too many: 250 generators have descriptors for 206000 (ulimit -n raises the limit)\n", notes);
    }

    [Fact]
    public void Of_an_interval_without_lines_it_is_said_plainly()
    {
        using var output = new StringWriter();
        RunSummary.Write(output, WorkloadKind.ClosedLoop, new Measurement { Seconds = 1, GeneratorCpuSeconds = 0, FromSent = new Latencies(0, 0, 0, 0, 0, 0) });
        Assert.StartsWith("lines          0 in 1.000 s: none arrived in this time\nfrom sent      p50 –, p90 –, p99 –, p99.9 –, max – (0 timed)\n", output.ToString());
    }

    [Theory]
    [InlineData(0.5, "0.5 lines a second")]
    [InlineData(9.25, "9.25 lines a second")]
    [InlineData(20_000, "20,000 lines a second")]
    public void A_small_rate_has_its_decimals(double rate, string text) =>
        Assert.StartsWith(text, new Workload("slow", WorkloadKind.OpenLoop, Connections: 1, Window: 1, LineSize: 32, Rate: rate).Summary);

    [Fact]
    public async Task Documents_are_written_when_all_of_them_can_be_filled()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            string json = Path.Combine(folder, "rounds.json"), good = Path.Combine(folder, "good.md"), bad = Path.Combine(folder, "bad.md");
            const string Empty = "<!-- lineperf:begin overview -->\r\n<!-- lineperf:end -->\r\n";
            ComparisonFile.Write(json, Reporting.Sample.Document);
            await File.WriteAllTextAsync(good, Empty);
            await File.WriteAllTextAsync(bad, "no marks");
            Assert.Equal(1, InProcess("report", "--json", json, "--into", good, "--into", bad).ExitStatus);
            Assert.Equal(Empty, await File.ReadAllTextAsync(good));
            Assert.Equal(0, InProcess("report", "--json", json, "--into", good).ExitStatus);
            Assert.Contains("| c-epoll | 9.00 µs (100 k/s) |", await File.ReadAllTextAsync(good));
            Assert.DoesNotContain("\n", (await File.ReadAllTextAsync(good)).Replace("\r\n", "", StringComparison.Ordinal));
            Assert.Equal([bad, good, json], Directory.GetFiles(folder).Order(StringComparer.Ordinal), StringComparer.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_file_that_cannot_be_written_later_takes_nothing_from_the_tables()
    {
        // The server removes the folder.
        string folder = Directory.CreateTempSubdirectory().FullName, peer = Path.Combine(Checkout.Root, "perf/peers");
        (int exitStatus, string output, string notes) = await Lineperf.RunAsync(
            "compare", "--server", $"mine=sh -c '{peer}/build.sh c-epoll && rm -rf {folder} && exec {peer}/bin/c-epoll --port {{port}}'", "--workloads", "request-reply,pipelined",
            "--rounds", "1", "--seconds", "0.1", "--warmup", "0", "--server-cpus", "0", "--generator-cpus", "0", "--json", $"{folder}/rounds.json");
        Assert.Equal(1, exitStatus);
        Assert.Contains("pipelined: 50 connections", output);
        Assert.Equal(2, notes.Split($"lineperf: {folder}/rounds.json could not be written: ").Length - 1);
        Assert.EndsWith($"lineperf: not written: {folder}/rounds.json\n", notes);
    }

    [Fact]
    public async Task Outside_its_checkout_only_the_built_in_servers_are_missing()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            foreach (string file in Directory.GetFiles(AppContext.BaseDirectory).Where(file => Path.GetFileName(file) is "workloads.json" or "System.CommandLine.dll" or "LineServer.Linux.dll" or "Spectre.Console.dll" || Path.GetFileName(file).StartsWith("lineperf", StringComparison.Ordinal)))
            {
                File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
            }

            string copy = Path.Combine(folder, "lineperf"), json = Path.Combine(folder, "rounds.json");
            ComparisonFile.Write(json, Reporting.Sample.Document);
            using var server = new EchoServer(EchoServer.Same);
            Assert.Equal(0, (await Lineperf.RunAtAsync(copy, "workloads")).ExitStatus);
            Assert.Equal(0, (await Lineperf.RunAtAsync(copy, "report", "--json", json)).ExitStatus);
            Assert.Equal(0, (await Lineperf.RunAtAsync(copy, "run", "--port", $"{server.EndPoint.Port}", "--connections", "2", "--seconds", "0.1", "--warmup", "0")).ExitStatus);
            (int exitStatus, _, string notes) = await Lineperf.RunAtAsync(copy, "compare", "--servers", "c-epoll", "--workloads", "many", "--server-cpus", "0", "--generator-cpus", "0");
            Assert.Equal(1, exitStatus);
            Assert.Contains("lineperf: the built-in servers need the checkout: there is no LineServer.sln above ", notes);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_report_is_made_again_from_the_JSON_without_measuring()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            string json = Path.Combine(folder, "rounds.json.gz"), html = Path.Combine(folder, "rounds.html"), document = Path.Combine(folder, "doc.md");
            ComparisonFile.Write(json, Reporting.Sample.Document);
            await File.WriteAllTextAsync(document, "<!-- lineperf:begin overview -->\n<!-- lineperf:end -->\n");
            Assert.Equal((0, "", ""), InProcess("report", "--json", json, "--html", html, "--into", document));
            Assert.Contains("</html>", await File.ReadAllTextAsync(html));
            Assert.Contains("| c-epoll | 9.00 µs (100 k/s) |", await File.ReadAllTextAsync(document));
            Assert.Contains("| sockets ", InProcess("report", "--json", json).Output);
            Assert.Contains("| server | request-reply | pipelined | idle |\n| --- | --: | --: | --: |\n", InProcess("report", "--json", json, "--markdown").Output);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_wrong_reply_is_one_line_and_exit_status_1()
    {
        using var server = new EchoServer((number, line) => number == 100 ? [] : [line]);
        (int exitStatus, string output, string notes) = InProcess("run", "--port", $"{server.EndPoint.Port}", "--window", "4", "--connections", "1", "--warmup", "0");
        Assert.Equal(1, exitStatus);
        Assert.Empty(output);
        string told = Assert.Single(Lines((0, notes, "")), line => !line.StartsWith("lineperf: warning: the machine is busy", StringComparison.Ordinal));
        Assert.StartsWith("lineperf: connection 0, line 100, byte ", told);
    }

    [Fact]
    public async Task A_server_that_dies_at_work_fails_the_run_with_its_status()
    {
        // Long before the minute is over. $$ is the shell, and so the server.
        string peer = Path.Combine(Checkout.Root, "perf/peers");
        (int exitStatus, _, string notes) = await Lineperf.RunAsync(
            "compare", "--server", $"dies=sh -c '{peer}/build.sh c-epoll && {{ (sleep 3; kill -KILL $$) & exec {peer}/bin/c-epoll --port {{port}}; }}'", "--workloads", "request-reply",
            "--seconds", "60", "--server-cpus", "0", "--generator-cpus", "0");
        Assert.Equal(1, exitStatus);
        Assert.Contains("'dies': connection ", notes);
        Assert.Contains("the server has ended with status 137", notes);
    }

    private static (int ExitStatus, string Output, string Notes) InProcess(params string[] args)
    {
        using StringWriter output = new(), notes = new();
        int exitStatus = new CommandLine(output, notes).Run(args);
        return (exitStatus, output.ToString(), notes.ToString());
    }

    private static string[] Lines((int ExitStatus, string Output, string Notes) run) => run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
