using System.Globalization;
using LineServer.Linux;

namespace LineServer.Systemd;

/// <summary>
/// Detects that a stream goes to journald: <c>JOURNAL_STREAM</c> holds that stream's device and inode
/// (systemd.exec(5)).
/// </summary>
internal static class SystemdJournal
{
    /// <summary>
    /// True if this stream goes to the journal. Comparing the file is necessary, because a child whose
    /// streams are redirected inherits the variable too.
    /// </summary>
    public static bool IsBehind(StandardStream stream)
    {
        string[] parts = (Environment.GetEnvironmentVariable("JOURNAL_STREAM") ?? string.Empty).Split(':');
        return parts.Length == 2
            && ulong.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out ulong device)
            && ulong.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong inode)
            && stream.File is { } file
            && file.Device == device
            && file.Inode == inode;
    }
}
