using System.Globalization;

namespace LineServer.Perf.Servers;

/// <summary>Finds out from /proc which process listens on a port.</summary>
internal static class ListeningPort
{
    private const string Listens = "0A"; // TCP_LISTEN

    /// <summary>True if this process holds a socket that listens on this port.</summary>
    public static bool IsHeldBy(int process, int port)
    {
        HashSet<string> sockets = [.. Sockets("/proc/net/tcp", port), .. Sockets("/proc/net/tcp6", port)];
        try
        {
            return Directory.EnumerateFileSystemEntries($"/proc/{process}/fd").Any(descriptor =>
                new FileInfo(descriptor).LinkTarget is { } target && sockets.Contains(target));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process has ended, or belongs to another user. Then it could not be measured either.
            return false;
        }
    }

    // The fields of proc_pid_net(5): number, local address and port in hexadecimal, remote address, state,
    // queues, timer, retransmits, user, timeout, inode.
    private static IEnumerable<string> Sockets(string table, int port)
    {
        if (!File.Exists(table))
        {
            yield break; // no IPv6 on this machine
        }

        string inHexadecimal = $":{port.ToString("X4", CultureInfo.InvariantCulture)}";
        foreach (string line in File.ReadLines(table).Skip(1))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields[3] == Listens && fields[1].EndsWith(inHexadecimal, StringComparison.Ordinal))
            {
                yield return $"socket:[{fields[9]}]";
            }
        }
    }
}
