using System.Globalization;
using LineServer.Hosting;

namespace LineServer.Configuration;

/// <summary>What <c>Limits</c> may hold for the whole server: the limits of all endpoints, and those that a transport has once.</summary>
internal sealed class ServerLimits : LineLimits
{
    /// <summary>Bytes of the largest size that may be set.</summary>
    public const int LargestSize = 1 << 30;

    /// <summary>Limits that all endpoints of a server share, since its transport does.</summary>
    public static readonly string[] ServerOnly = [nameof(Backlog), nameof(MaxReadBufferSize), nameof(MaxWriteBufferSize)];

    private const int LargestBacklog = 1 << 20;

    // The kernel's own default since Linux 5.4, for where /proc/sys cannot be seen (ProcSubset=pid of a systemd unit).
    private const int UsualBacklog = 4096;

    /// <summary>
    /// Connections that the kernel queues until they are accepted: listen(2). Defaults to net.core.somaxconn, above which the kernel queues no
    /// more. A shorter queue drops the SYNs of a burst, and each of those clients waits a second or more before it tries again.
    /// </summary>
    public int Backlog { get; set; } = LargestBacklogOfKernel();

    public override IEnumerable<string> Validate()
    {
        foreach (string problem in base.Validate())
        {
            yield return problem;
        }

        if (Backlog is < 1 or > LargestBacklog)
        {
            yield return $"{nameof(Backlog)} must be 1 to {LargestBacklog}, not {Backlog}.";
        }

        foreach ((string name, int size) in new[]
        {
            (nameof(MaxReadBufferSize), MaxReadBufferSize), (nameof(MaxWriteBufferSize), MaxWriteBufferSize), (nameof(MailboxSize), MailboxSize),
        })
        {
            // A line may be this large, and the read buffer holds its terminator as well.
            if (size > LargestSize + 2)
            {
                yield return $"{name} must be at most {LargestSize + 2}, not {size}.";
            }
        }
    }

    private static int LargestBacklogOfKernel()
    {
        try
        {
            string text = File.ReadAllText("/proc/sys/net/core/somaxconn");
            return int.TryParse(text, NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out int most) ? Math.Clamp(most, 1, LargestBacklog) : UsualBacklog;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return UsualBacklog;
        }
    }
}
