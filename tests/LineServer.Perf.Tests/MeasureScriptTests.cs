using System.Diagnostics;
using LineServer.Perf.Servers;

namespace LineServer.Perf.Tests;

/// <summary>perf/measure.sh, with stand-ins for everything that it builds and calls.</summary>
public sealed class MeasureScriptTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public MeasureScriptTests()
    {
        foreach (string name in (string[])["docs", "bin", "perf/peers", "perf/LineServer.Perf/bin/Release/net10.0"])
        {
            Directory.CreateDirectory(Path.Combine(_folder, name));
        }

        File.Copy(Path.Combine(Checkout.Root, "perf/measure.sh"), Path.Combine(_folder, "perf/measure.sh"));
        Script("bin/dotnet", "");
        Script("perf/peers/build.sh", "");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("--rounds takes a whole number from 1 to 1000, not 'x'", "--rounds", "x")]
    [InlineData("--rounds takes a whole number from 1 to 1000, not '1001'", "--rounds", "1001")]
    [InlineData("--rounds takes a whole number from 1 to 1000, not ''", "--rounds")]
    [InlineData("--seconds takes a time above 0, not 'nan'", "--seconds", "nan")]
    [InlineData("--seconds takes a time above 0, not '0.0'", "--seconds", "0.0")]
    [InlineData("--warmup takes a time, not '-1'", "--warmup", "-1")]
    [InlineData("--server-cpus: 'x' is no list of cores", "--server-cpus", "x")]
    [InlineData("there is no folder for /nowhere/x.json", "--json", "/nowhere/x.json")]
    [InlineData("there is no folder for /nowhere/x.html", "--scale-html", "/nowhere/x.html")]
    [InlineData("/proc is a folder", "--scale-json", "/proc")]
    [InlineData("--html: which file?", "--html")]
    [InlineData("is given for two files", "--json", "same", "--html", "./same")]
    [InlineData("there is no option '--turns'", "--turns", "5")]
    public async Task A_mistake_is_told_before_anything_is_built(string problem, params string[] args)
    {
        (int exitStatus, string notes) = await RunAsync(args);
        Assert.Equal(2, exitStatus);
        Assert.Contains(problem, notes);
        Assert.DoesNotContain("== building", notes);
    }

    [Fact]
    public async Task Help_is_no_mistake()
    {
        (int exitStatus, string notes) = await RunAsync("--help");
        Assert.Equal((0, ""), (exitStatus, notes));
    }

    [Theory]
    [InlineData(2, "performance.json.gz", 2, "docs/threads-or-events.md")]
    [InlineData(2, "threads-or-events.json.gz", 2, "README.md docs/performance.md")]
    [InlineData(1, "performance.json.gz", 1, "README.md docs/performance.md docs/threads-or-events.md")]
    [InlineData(0, "performance.json.gz", 0, "README.md docs/performance.md docs/threads-or-events.md")]
    public async Task A_comparison_that_ends_badly_takes_nothing_from_the_other(int ends, string json, int status, string written)
    {
        Script("perf/LineServer.Perf/bin/Release/net10.0/lineperf", $"""
            [[ $1 != compare || $* != *{json}* ]] || exit {ends}
            [[ $1 != report ]] || printf '%s ' "${"{@:5:1}"}" "${"{@:7:1}"}" | tr -s ' ' >> documents
            """);
        (int exitStatus, _) = await RunAsync("--quick");
        Assert.Equal(status, exitStatus);
        Assert.Equal(written, (await File.ReadAllTextAsync(Path.Combine(_folder, "documents"))).Trim());
    }

    [Fact]
    public async Task Whole_runs_go_into_a_folder_that_git_ignores()
    {
        Script("perf/LineServer.Perf/bin/Release/net10.0/lineperf", """[[ $1 != compare ]] || printf '%s\n' "$@" | grep /results/ >> written""");
        (int exitStatus, _) = await RunAsync("--quick");
        Assert.Equal(0, exitStatus);
        string results = Path.Combine(_folder, "perf/results");
        string[] names = ["performance.json.gz", "performance.html", "threads-or-events.json.gz", "threads-or-events.html"];
        Assert.Equal(names.Select(name => Path.Combine(results, name)), await File.ReadAllLinesAsync(Path.Combine(_folder, "written")), StringComparer.Ordinal);
        Assert.Contains("perf/results/", await File.ReadAllLinesAsync(Path.Combine(Checkout.Root, ".gitignore")), StringComparer.Ordinal);
    }

    private void Script(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, $"#!/usr/bin/env bash\n{text}\n");
        if (OperatingSystem.IsLinux())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private async Task<(int ExitStatus, string Notes)> RunAsync(params string[] args)
    {
        var start = new ProcessStartInfo("bash", [Path.Combine(_folder, "perf/measure.sh"), .. args])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder,
        };
        start.Environment["PATH"] = $"{_folder}/bin:{start.Environment["PATH"]}";
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string notes = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        _ = await output;
        return (process.ExitCode, notes);
    }
}
