using System.Globalization;
using System.Net;

namespace LineServer.Tests.Support;

/// <summary>Where a process listens that does not say so itself, from /proc: proc(5).</summary>
internal static class ListeningSocket
{
    /// <summary>The IPv4 address that descriptor <paramref name="descriptor"/> of the process is bound to.</summary>
    public static IPEndPoint Of(int processId, int descriptor)
    {
        string inode = new FileInfo($"/proc/{processId}/fd/{descriptor}").LinkTarget!["socket:[".Length..^1];
        string[] fields = File.ReadLines($"/proc/{processId}/net/tcp")
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Single(fields => fields[9] == inode);
        return new IPEndPoint(IPAddress.Loopback, int.Parse(fields[1].Split(':')[1], NumberStyles.HexNumber));
    }
}
