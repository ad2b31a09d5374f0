using LineServer.Framing;

namespace LineServer.Hosting;

/// <summary>The limits of an endpoint. Null means no limit.</summary>
public class LineLimits : ConnectionLimits
{
    /// <summary>The most bytes of a line, its terminator not counted: 1 to 1 GiB. 65536 unless set.</summary>
    public int MaxLineSize { get; set; } = LineFormat.Default.MaxLineSize;

    /// <summary>
    /// The most bytes that the transport reads ahead, as in Kestrel, in bytes; also the largest payload asked for at once. It must hold a
    /// line and its terminator. 1 MiB unless set.
    /// </summary>
    /// <remarks>The transport has an option of its own; the daemon sets both.</remarks>
    public int MaxReadBufferSize { get; set; } = 1 << 20;

    /// <summary>
    /// The most bytes of replies, in bytes, that are staged for a client before they are flushed and the client's reading is waited for.
    /// 64 KiB unless set. One line's reply may exceed it.
    /// </summary>
    public int MaxWriteBufferSize { get; set; } = 64 * 1024;

    /// <summary>How long nothing may come or go, nothing be staged, no line be handled. Null, the default: for ever.</summary>
    public TimeSpan? IdleTimeout { get; set; }

    /// <summary>
    /// How long a line may take from its first byte to its delimiter; a payload, from the moment it is asked for. Time in which nothing is
    /// read (a handler at work, a client that does not read) does not count. 30 s unless set.
    /// </summary>
    public TimeSpan? LineTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a flush may make no progress before the connection is aborted. 30 s unless set.</summary>
    public TimeSpan? SendTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a stopping server waits for its connections before it aborts them. 10 s unless set.</summary>
    public TimeSpan? DrainTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long inbound bytes are read and discarded while a connection is closed in order. 2 s unless set.</summary>
    public TimeSpan LingerTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Where the transport cannot send FIN first (Kestrel's sockets): how long nothing may have come before a connection is closed in
    /// order. Within <see cref="LingerTimeout"/>. 100 ms unless set.
    /// </summary>
    public TimeSpan LingerQuietTime { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The most bytes, terminators included, that wait in a connection's mailbox. 64 KiB unless set.</summary>
    public int MailboxSize { get; set; } = 64 * 1024;

    /// <inheritdoc/>
    public override IEnumerable<string> Validate()
    {
        foreach (string problem in base.Validate())
        {
            yield return problem;
        }

        if (MaxLineSize is < 1 or > LineFormat.LargestMaxLineSize)
        {
            yield return $"{nameof(MaxLineSize)} must be 1 to {LineFormat.LargestMaxLineSize}, not {MaxLineSize}.";
        }

        if (MaxReadBufferSize < (long)MaxLineSize + 2)
        {
            yield return $"{nameof(MaxReadBufferSize)} ({MaxReadBufferSize}) must hold a line of {nameof(MaxLineSize)} ({MaxLineSize}) and its terminator: at least {(long)MaxLineSize + 2}.";
        }

        foreach ((string name, long? value) in new (string, long?)[]
        {
            (nameof(MaxWriteBufferSize), MaxWriteBufferSize),
            (nameof(MailboxSize), MailboxSize),
        })
        {
            if (value < 1)
            {
                yield return $"{name} must be at least 1, not {value}.";
            }
        }

        foreach ((string name, TimeSpan? value) in new (string, TimeSpan?)[]
        {
            (nameof(IdleTimeout), IdleTimeout),
            (nameof(LineTimeout), LineTimeout),
            (nameof(SendTimeout), SendTimeout),
            (nameof(DrainTimeout), DrainTimeout),
        })
        {
            if (value <= TimeSpan.Zero || value > LongestTimeout)
            {
                yield return $"{name} must be longer than zero and at most {LongestTimeout}, not {value}.";
            }
        }

        foreach ((string name, TimeSpan value) in new[] { (nameof(LingerTimeout), LingerTimeout), (nameof(LingerQuietTime), LingerQuietTime) })
        {
            if (value < TimeSpan.Zero || value > LongestTimeout)
            {
                yield return $"{name} must be zero to {LongestTimeout}, not {value}.";
            }
        }
    }

    // A timer of .NET takes no more than about 49 days.
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(40);

    /// <summary>A copy.</summary>
    public new LineLimits Clone() => (LineLimits)MemberwiseClone();
}
