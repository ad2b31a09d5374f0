using System.Globalization;
using LineServer.Hosting;

namespace LineServer.Configuration;

/// <summary>
/// The server-wide section <c>Limits</c>: the limits of all endpoints, and those that exist once per server.
/// </summary>
internal sealed class ServerLimits : LineLimits
{
    /// <summary>The largest size that may be set, in bytes.</summary>
    public const int LargestSize = 1 << 30;

    /// <summary>Limits over all endpoints, which no endpoint can set for itself.</summary>
    public static readonly string[] ServerOnly = [nameof(MaxTotalBufferSize)];

    private const int LargestBacklog = 1 << 20;

    // The kernel's default since Linux 5.4, for when /proc/sys is hidden (ProcSubset=pid in a systemd unit).
    private const int UsualBacklog = 4096;

    /// <summary>
    /// The number of connections that the kernel queues before they are accepted: listen(2). Defaults to
    /// net.core.somaxconn, the kernel's maximum. A shorter queue drops SYNs in a burst, and each of those
    /// clients waits at least a second before it retries.
    /// </summary>
    public int Backlog { get; set; } = LargestBacklogOfKernel();

    /// <summary><see cref="ConnectionServerOptions.MaxTotalBufferSize"/>.</summary>
    public long MaxTotalBufferSize { get; set; } = new ConnectionServerOptions().MaxTotalBufferSize;

    /// <summary>
    /// How long a TCP connection may be silent before the kernel probes its peer (TCP_KEEPIDLE: tcp(7)), in
    /// whole seconds: 1 s to 32,767 s. Null: no probes, so the connection of a peer that vanished stays open.
    /// Defaults to one minute.
    /// </summary>
    public TimeSpan? KeepAliveTime { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The time between two probes (TCP_KEEPINTVL), in whole seconds: 1 s to 32,767 s. Defaults to 10 s.
    /// </summary>
    public TimeSpan KeepAliveInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The number of unanswered probes after which the connection is lost (TCP_KEEPCNT): 1 to 127. Defaults
    /// to 5.
    /// </summary>
    public int KeepAliveRetryCount { get; set; } = 5;

    /// <summary>
    /// What an endpoint begins with. How many connections and how fast holds for all endpoints together and is counted
    /// there, so an endpoint has such a limit only if it sets one.
    /// </summary>
    public ServerLimits ForEndpoint()
    {
        var limits = (ServerLimits)Clone();
        limits.MaxConcurrentConnections = null;
        limits.MaxConcurrentConnectionsPerPeer = null;
        limits.MaxConnectionsPerSecond = null;
        limits.MaxConnectionsPerSecondPerPeer = null;
        return limits;
    }

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

        const long SmallestTotal = 64 * 1024;
        if (MaxTotalBufferSize < SmallestTotal)
        {
            yield return $"{nameof(MaxTotalBufferSize)} must be at least {SmallestTotal}, not {MaxTotalBufferSize}.";
        }

        foreach ((string name, TimeSpan? value) in new[] { (nameof(KeepAliveTime), KeepAliveTime), (nameof(KeepAliveInterval), KeepAliveInterval) })
        {
            // The kernel takes whole seconds, up to 32,767 (MAX_TCP_KEEPIDLE of <net/tcp.h>).
            if (value?.TotalSeconds is < 1 or > short.MaxValue)
            {
                yield return $"{name} must be 1 s to {TimeSpan.FromSeconds(short.MaxValue)}, not {value}.";
            }
        }

        if (KeepAliveRetryCount is < 1 or > 127)
        {
            yield return $"{nameof(KeepAliveRetryCount)} must be 1 to 127, not {KeepAliveRetryCount}.";
        }

        foreach ((string name, int size) in new[]
        {
            (nameof(MaxReadBufferSize), MaxReadBufferSize), (nameof(MaxWriteBufferSize), MaxWriteBufferSize), (nameof(MailboxSize), MailboxSize),
        })
        {
            // A line may have the largest size, and the read buffer must also hold its terminator.
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
