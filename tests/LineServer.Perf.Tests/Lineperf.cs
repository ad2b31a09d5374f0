using System.Diagnostics;

namespace LineServer.Perf.Tests;

/// <summary>Runs the command in a process of its own, because it pins itself to cores.</summary>
internal static class Lineperf
{
    public static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "lineperf");

    public static Task<(int ExitStatus, string Output, string Notes)> RunAsync(params string[] args) => RunWithPathAsync(path: null, args);

    /// <param name="path">Its PATH; null for that of the tests.</param>
    /// <param name="args">Its arguments.</param>
    public static Task<(int ExitStatus, string Output, string Notes)> RunWithPathAsync(string? path, params string[] args) => RunAsync(Program, path, args);

    /// <param name="program">Another copy of lineperf, or a program that replaces itself by it.</param>
    /// <param name="args">Its arguments.</param>
    public static Task<(int ExitStatus, string Output, string Notes)> RunAtAsync(string program, params string[] args) => RunAsync(program, path: null, args);

    private static async Task<(int ExitStatus, string Output, string Notes)> RunAsync(string program, string? path, string[] args)
    {
        var start = new ProcessStartInfo(program, args)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (path is not null)
        {
            start.Environment["PATH"] = path;
        }

        using Process process = Process.Start(start)!;
        Task<string> notes = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await notes);
    }
}
