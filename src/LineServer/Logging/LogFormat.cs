using System.Globalization;
using System.Text;
using LineServer.Linux;
using LineServer.Systemd;
using Microsoft.Extensions.Logging;

namespace LineServer.Logging;

/// <summary>
/// Formats a message as one line. For journald, which records the time itself, the line has a priority
/// (sd-daemon(3)). Elsewhere it has the time in UTC, and on a terminal the level is coloured.
/// </summary>
internal sealed class LogFormat(bool isJournal, bool isColoured)
{
    /// <summary>The format for a stream: journald, a terminal, or a file or pipe.</summary>
    public static LogFormat For(StandardStream stream) =>
        new(
            SystemdJournal.IsBehind(stream),
            stream.IsTerminal && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")));

    /// <summary>A line of the log, including its LF.</summary>
    public string Line(DateTime utcNow, LogLevel level, string category, EventId eventId, string message, Exception? exception)
    {
        (string name, int priority, int colour) = Describe(level);
        string levelName = isColoured ? $"\x1b[{colour}m{name}\x1b[0m" : name;
        string start = isJournal
            ? $"<{priority}>"
            : string.Create(CultureInfo.InvariantCulture, $"{utcNow:yyyy-MM-ddTHH:mm:ss.fffZ} {levelName}: ");
        string text = exception is null ? message : $"{message} {exception}";
        string line = string.Create(CultureInfo.InvariantCulture, $"{category}[{eventId.Id}] {OnOneLine(text)}");
        return $"{start}{EscapedText.Of(line)}\n";
    }

    /// <summary>An error line of a command, for the user who ran it: no time and no category.</summary>
    public string Report(string text) => $"{(isJournal ? "<3>" : string.Empty)}{EscapedText.Of(text)}\n";

    private static (string Name, int Priority, int Colour) Describe(LogLevel level) => level switch
    {
        LogLevel.Trace => ("trce", 7, 90),
        LogLevel.Debug => ("dbug", 7, 90),
        LogLevel.Warning => ("warn", 4, 33),
        LogLevel.Error => ("fail", 3, 31),
        LogLevel.Critical => ("crit", 2, 31),
        _ => ("info", 6, 32),
    };

    // A stack trace has a line per call.
    private static string OnOneLine(string text)
    {
        if (!text.Contains('\n', StringComparison.Ordinal))
        {
            return text;
        }

        var line = new StringBuilder(text.Length);
        foreach (string part in text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            line.Append(line.Length == 0 ? string.Empty : " ").Append(part);
        }

        return line.ToString();
    }
}
