using System.Diagnostics;
using System.Net;

namespace LineServer.Transports.Tests.Support;

/// <summary>Clients in a process of their own: LineServer.Transports.Clients.</summary>
internal static class ClientProcess
{
    /// <summary>Returns when they are done; throws with what they said if a byte was wrong.</summary>
    public static async Task RunAsync(string mode, EndPoint server, IPAddress from, int connections, long argument)
    {
        string program = Path.Combine(AppContext.BaseDirectory, "LineServer.Transports.Clients.dll");
        var start = new ProcessStartInfo(Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal) ? Environment.ProcessPath : "dotnet")
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // No thread of .NET's own that begins when it likes: "starve" may have no descriptor for it at that moment.
        start.Environment["DOTNET_TieredCompilation"] = "0";
        foreach (string word in new[] { program, mode, $"{server}", $"{from}", $"{connections}", $"{argument}" })
        {
            start.ArgumentList.Add(word);
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        try
        {
            await process.WaitForExitAsync().InTime($"clients {mode} from {from} end");
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }

        Assert.True(process.ExitCode == 0 && (await output).Trim() == "ok", await errors);
    }
}
