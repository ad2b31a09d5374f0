using System.Globalization;

namespace LineServer.Perf.Servers;

/// <summary>Who listens on a port, from /proc.</summary>
internal static class ListeningPort
{
    private const string Listens = "0A"; // TCP_LISTEN

    /// <summary>Whether this process holds a socket that listens on this port.</summary>
    public static bool IsHeldBy(int process, int port)
    {
        HashSet<string> sockets = [.. Sockets("/proc/net/tcp", port), .. Sockets("/proc/net/tcp6", port)];
        try
        {
            return Directory.EnumerateFileSystemEntries($"/proc/{process}/fd").Any(descriptor => new FileInfo(descriptor).LinkTarget is { } target && sockets.Contains(target));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended, or runs as another user; then it could not be measured either.
            return false;
        }
    }

    // Lines of proc(5): number, local address:port in hexadecimal, remote one, state, queues, timer, retransmits, user, timeout, inode.
    private static IEnumerable<string> Sockets(string table, int port)
    {
        if (!File.Exists(table))
        {
            yield break; // Without IPv6.
        }

        foreach (string line in File.ReadLines(table).Skip(1))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields[3] == Listens && fields[1].EndsWith($":{port.ToString("X4", CultureInfo.InvariantCulture)}", StringComparison.Ordinal))
            {
                yield return $"socket:[{fields[9]}]";
            }
        }
    }
}
