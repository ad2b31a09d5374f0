using System.Globalization;

namespace LineServer.Systemd;

/// <summary>The sockets that systemd has bound for this process: sd_listen_fds(3).</summary>
internal static class SystemdSockets
{
    private const int FirstDescriptor = 3;

    /// <summary>The descriptor of the socket named <paramref name="name"/>.</summary>
    /// <returns>Why there is none, in a sentence; null if there is one.</returns>
    public static string? TryFind(string name, out ulong descriptor)
    {
        descriptor = 0;
        if (Environment.GetEnvironmentVariable("LISTEN_PID") != Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
            || !int.TryParse(Environment.GetEnvironmentVariable("LISTEN_FDS"), NumberStyles.None, CultureInfo.InvariantCulture, out int count))
        {
            return "systemd has passed no sockets to this process (LISTEN_PID, LISTEN_FDS)";
        }

        string[] names = (Environment.GetEnvironmentVariable("LISTEN_FDNAMES") ?? string.Empty).Split(':');
        int index = Array.IndexOf(names, name);
        if (index < 0 || index >= count)
        {
            return $"systemd has passed no socket of that name; there are: {string.Join(", ", names.Take(count))}";
        }

        descriptor = (ulong)(FirstDescriptor + index);
        return null;
    }
}
