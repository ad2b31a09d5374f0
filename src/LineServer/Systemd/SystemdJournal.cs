using System.Globalization;
using LineServer.Linux;

namespace LineServer.Systemd;

/// <summary>Whether journald reads a stream, as systemd.exec(5) says how to tell: <c>JOURNAL_STREAM</c> is the device and inode of that stream.</summary>
internal static class SystemdJournal
{
    /// <summary>True if this very stream goes to the journal. A child with streams of its own inherits the variable too.</summary>
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
