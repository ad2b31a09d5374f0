using System.Text;
using LineServer.Linux;
using LineServer.Logging;

namespace LineServer.Daemon;

/// <summary>
/// Handles uncaught exceptions of any thread: one line on standard error, and exit status 1. The runtime would
/// print a stack trace and end with SIGABRT: a core dump for a typo in a file.
/// </summary>
internal static class LastResort
{
    /// <summary>The environment variable that adds stack traces to unexpected errors.</summary>
    public const string DebugVariable = "LINESERVER_DEBUG";

    // With two event loops, a start was seen to fail below about 130.
    private const int LeastDescriptors = 160;

    private static readonly TimeSpan FlushTime = TimeSpan.FromSeconds(1);
    private static ErrorOutput? _output;

    /// <summary>
    /// Ends the process if it may open too few descriptors to start. .NET needs some for assemblies and threads,
    /// and without them ends the process in ways that do not tell the reason.
    /// </summary>
    public static void RequireDescriptors()
    {
        if (DescriptorLimit.Current() is var limit && limit < LeastDescriptors)
        {
            WriteDirectly($"lineserver: the limit of open files (RLIMIT_NOFILE, ulimit -n) is {limit}; a start needs {LeastDescriptors}");
            Libc.Exit(ExitStatus.Failure);
        }
    }

    /// <summary>Installs the handler, for all threads.</summary>
    public static void Install() => AppDomain.CurrentDomain.UnhandledException += (_, unhandled) => End((Exception)unhandled.ExceptionObject);

    /// <summary>Where the line is written: after everything that was logged before.</summary>
    public static void ReportTo(ErrorOutput output) => _output = output;

    /// <summary>Formats an unexpected error as one line, with its stack trace on request.</summary>
    public static string Describe(Exception e) =>
        string.IsNullOrEmpty(Environment.GetEnvironmentVariable(DebugVariable))
            ? $"unexpected error: {e.GetType().Name}: {FirstLine(e.Message)} ({DebugVariable}=1 shows where)"
            : $"unexpected error: {e.ToString().ReplaceLineEndings(" ")}";

    private static void End(Exception e)
    {
        string line = Describe(e);
        if (_output is { } output)
        {
            output.Report($"lineserver: {line}");
            output.Flush(FlushTime);
        }
        else
        {
            WriteDirectly($"lineserver: {line}");
        }

        Libc.Exit(ExitStatus.Failure);
    }

    private static void WriteDirectly(string line) =>
        StandardStream.Error.TryWrite(Encoding.UTF8.GetBytes($"{EscapedText.Of(line)}\n"), FlushTime);

    private static string FirstLine(string text) => text.Split('\n')[0].TrimEnd();
}
