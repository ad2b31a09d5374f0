using System.Globalization;
using LineServer.Hosting;

namespace LineServer.Configuration;

/// <summary>What <c>Limits</c> may hold for the whole server: the limits of all endpoints, and those that a transport has once.</summary>
internal sealed class ServerLimits : LineLimits
{
    /// <summary>Bytes of the largest size that may be set.</summary>
    public const int LargestSize = 1 << 30;

    /// <summary>Limits over all endpoints, which none can have for itself.</summary>
    public static readonly string[] ServerOnly = [nameof(MaxTotalBufferSize)];

    private const int LargestBacklog = 1 << 20;

    // The kernel's own default since Linux 5.4, for where /proc/sys cannot be seen (ProcSubset=pid of a systemd unit).
    private const int UsualBacklog = 4096;

    /// <summary>
    /// Connections that the kernel queues until they are accepted: listen(2). Defaults to net.core.somaxconn, above which the kernel queues no
    /// more. A shorter queue drops the SYNs of a burst, and each of those clients waits a second or more before it tries again.
    /// </summary>
    public int Backlog { get; set; } = LargestBacklogOfKernel();

    /// <summary><see cref="ConnectionServerOptions.MaxTotalBufferSize"/>.</summary>
    public long MaxTotalBufferSize { get; set; } = new ConnectionServerOptions().MaxTotalBufferSize;

    /// <summary>
    /// How long a TCP connection is silent before the kernel asks whether its peer is still there (TCP_KEEPIDLE: tcp(7)), in whole
    /// seconds: 1 s to 32,767 s. Null: it never asks, and a peer that vanished keeps its connection. Defaults to one minute.
    /// </summary>
    public TimeSpan? KeepAliveTime { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Time between two such questions (TCP_KEEPINTVL), in whole seconds: 1 s to 32,767 s. Defaults to 10 s.</summary>
    public TimeSpan KeepAliveInterval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Questions without an answer until the connection counts as lost (TCP_KEEPCNT): 1 to 127. Defaults to 5.</summary>
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
            // The kernel takes whole seconds, 32,767 at most (MAX_TCP_KEEPIDLE of <net/tcp.h>).
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
