using System.Diagnostics;
using System.Net;
using System.Text;

namespace LineServer.Tests.Support;

/// <summary>Programs that others wrote, such as netcat.</summary>
internal static class Tool
{
    public static Task<FinishedProcess> RunAsync(string command, params string[] arguments) => RunAsync(command, arguments, "");

    public static async Task<FinishedProcess> RunAsync(string command, string[] arguments, string input)
    {
        using Process process = Process.Start(new ProcessStartInfo(command, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        })!;
        try
        {
            var output = new OutputLines(process.StandardOutput.BaseStream);
            var error = new OutputLines(process.StandardError.BaseStream);
            await process.StandardInput.BaseStream.WriteAsync(Encoding.Latin1.GetBytes(input)).AsTask().Guarded();
            process.StandardInput.Close();
            await process.WaitForExitAsync().Guarded();
            return new FinishedProcess(process.ExitCode, await output.ToEndAsync(), await error.ToEndAsync());
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    /// <summary>The port of an endpoint, as an argument.</summary>
    public static string Port(this EndPoint endPoint) => ((IPEndPoint)endPoint).Port.ToString();
}
