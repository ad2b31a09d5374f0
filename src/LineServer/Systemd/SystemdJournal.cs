using System.Globalization;

namespace LineServer.Systemd;

/// <summary>Whether the log goes to journald, as systemd.exec(5) says how to tell.</summary>
internal static class SystemdJournal
{
    /// <summary>True if systemd started this very process and connected its output to the journal.</summary>
    public static bool IsConnected =>
        !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("JOURNAL_STREAM"))
        && Environment.GetEnvironmentVariable("SYSTEMD_EXEC_PID") == Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
}
