using System.Text;
using LineServer.Linux;
using LineServer.Logging;

namespace LineServer.Daemon;

/// <summary>
/// What nobody has caught: one line on standard error and exit status 1, on whichever thread it was thrown. The runtime would print a stack trace
/// and end with SIGABRT, which makes a core dump of a mistake in a file.
/// </summary>
internal static class LastResort
{
    /// <summary>Set to show where an unexpected error came from.</summary>
    public const string DebugVariable = "LINESERVER_DEBUG";

    // Below about 130 a start was seen to fail, with two event loops.
    private const int LeastDescriptors = 160;

    private static readonly TimeSpan FlushTime = TimeSpan.FromSeconds(1);
    private static ErrorOutput? _output;

    /// <summary>
    /// Ends the process if it may have too few descriptors to start with: .NET takes them for assemblies and threads, and ends it in ways that say
    /// nothing of the reason.
    /// </summary>
    public static void RequireDescriptors()
    {
        if (DescriptorLimit.Current() is var limit && limit < LeastDescriptors)
        {
            WriteDirectly($"lineserver: the limit of open files (RLIMIT_NOFILE, ulimit -n) is {limit}; a start needs {LeastDescriptors}");
            Libc.Exit(ExitStatus.Failure);
        }
    }

    /// <summary>For all threads, from now on.</summary>
    public static void Install() => AppDomain.CurrentDomain.UnhandledException += (_, unhandled) => End((Exception)unhandled.ExceptionObject);

    /// <summary>Where the line goes, so that it comes after what was logged before.</summary>
    public static void ReportTo(ErrorOutput output) => _output = output;

    /// <summary>An error that nobody foresaw, in one line; with its trace on request.</summary>
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
