using System.Diagnostics;

namespace LineServer.Perf.Tests;

/// <summary>The command, as a process of its own: it pins itself to cores.</summary>
internal static class Lineperf
{
    public static async Task<(int ExitStatus, string Output, string Notes)> RunAsync(params string[] args)
    {
        using Process process = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "lineperf"), args)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> notes = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await notes);
    }
}
