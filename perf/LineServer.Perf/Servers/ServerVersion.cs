using System.Diagnostics;

namespace LineServer.Perf.Servers;

/// <summary>Asks a server for its version.</summary>
internal static class ServerVersion
{
    private const string Patience = "20s";

    /// <summary>
    /// The first line that the version command prints; null if there is no such command or it fails. A
    /// comparison does not fail because of that.
    /// </summary>
    public static string? Of(ServerCommand server)
    {
        if (server.VersionBy is not { } command)
        {
            return null;
        }

        string[] arguments = [Patience, "sh", "-c", $"cd '{Checkout.Root}' && {command} 2>/dev/null"];
        using Process process = Process.Start(new ProcessStartInfo("timeout", arguments)
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
        })!;
        string line = process.StandardOutput.ReadToEnd().Split('\n')[0].Trim();
        process.WaitForExit();
        return process.ExitCode == 0 && line.Length > 0 ? line : null;
    }
}
