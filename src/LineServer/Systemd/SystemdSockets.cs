using System.Globalization;

namespace LineServer.Systemd;

/// <summary>The sockets that systemd bound and passed to this process: sd_listen_fds(3).</summary>
internal static class SystemdSockets
{
    private const int FirstDescriptor = 3;

    /// <summary>
    /// Finds the descriptors of the sockets named <paramref name="name"/>. A socket unit with several
    /// ListenStream= gives all its sockets the same name.
    /// </summary>
    /// <returns>Null if at least one was found, else the reason.</returns>
    public static string? TryFind(string name, out IReadOnlyList<ulong> descriptors)
    {
        descriptors = [];
        if (Environment.GetEnvironmentVariable("LISTEN_PID") != Environment.ProcessId.ToString(CultureInfo.InvariantCulture)
            || !int.TryParse(
                Environment.GetEnvironmentVariable("LISTEN_FDS"), NumberStyles.None, CultureInfo.InvariantCulture, out int count))
        {
            return "systemd has passed no sockets to this process (LISTEN_PID, LISTEN_FDS)";
        }

        string allNames = Environment.GetEnvironmentVariable("LISTEN_FDNAMES") ?? string.Empty;
        string[] names = [.. allNames.Split(':').Take(count)];
        descriptors =
        [
            .. names.Index().Where(passed => passed.Item == name).Select(passed => (ulong)(FirstDescriptor + passed.Index)),
        ];
        return descriptors.Count > 0
            ? null
            : $"systemd has passed no socket of that name; it has passed: {string.Join(", ", names)}";
    }
}
