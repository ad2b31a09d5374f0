using LineServer.Framing;

namespace LineServer.Hosting;

/// <summary>The limits of an endpoint. Null means no limit.</summary>
public class LineLimits : ConnectionLimits
{
    // A timer of .NET takes no more than about 49 days.
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(40);

    /// <summary>The largest line, in bytes, its terminator not counted. Defaults to 65536 bytes.</summary>
    /// <remarks>1 byte to 1 GiB. A client can make the server hold that many bytes for each connection.</remarks>
    public int MaxLineSize { get; set; } = LineFormat.Default.MaxLineSize;

    /// <summary>The most bytes that the transport reads ahead; also the largest payload asked for at once. Defaults to 1 MiB.</summary>
    /// <remarks>It must hold a line and its terminator. The transport has an option of its own; the daemon sets both.</remarks>
    public int MaxReadBufferSize { get; set; } = 1 << 20;

    /// <summary>
    /// The most bytes of replies that are staged for a client before they are flushed and the server waits for the client to read.
    /// Defaults to 64 KiB.
    /// </summary>
    /// <remarks>The replies to one line may exceed it.</remarks>
    public int MaxWriteBufferSize { get; set; } = 64 * 1024;

    /// <summary>How long a connection may exist without a complete line. Defaults to null.</summary>
    /// <remarks>
    /// It is counted from when the server begins to read, after <see cref="LineHandlerBase.OnConnectedAsync"/>. Where a quiet client is
    /// welcome later on, this still ends connections that were opened only to hold a place.
    /// </remarks>
    public TimeSpan? FirstLineTimeout { get; set; }

    /// <summary>How long a connection may be idle: nothing sent or received, and no line being handled. Defaults to null.</summary>
    /// <remarks>Without a bound, a client that has vanished without a word holds its place for ever.</remarks>
    public TimeSpan? IdleTimeout { get; set; }

    /// <summary>
    /// How long a line may take from its first byte to its delimiter, and a payload from when it is asked for. Defaults to 30 seconds.
    /// </summary>
    /// <remarks>Time in which the server does not read (a handler works, a client does not read its replies) does not count.</remarks>
    public TimeSpan? LineTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the handler may work on a line, or on the connect. Defaults to null.</summary>
    /// <remarks>
    /// Then the connection is aborted and the handler's cancellation token is cancelled. Time in which the handler waits for the client
    /// (<see cref="LineConnection.FlushAsync"/>, <see cref="LineConnection.ReadPayloadAsync"/>) does not count. A handler that ignores the
    /// token is still waited for: its connection ends, but not before it. Without a bound, a handler that never ends holds what it has of
    /// a client that left long ago.
    /// </remarks>
    public TimeSpan? HandlerTimeout { get; set; }

    /// <summary>How long a flush may make no progress before the connection is aborted. Defaults to 30 seconds.</summary>
    public TimeSpan? SendTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a stopping server waits for its connections before it aborts them. Defaults to 10 seconds.</summary>
    public TimeSpan? DrainTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long inbound bytes are read and discarded while a connection is closed in order. Defaults to 2 seconds.</summary>
    public TimeSpan LingerTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Where the transport cannot send FIN first (Kestrel's sockets): how long nothing may have come before a connection is closed in
    /// order. Defaults to 100 milliseconds.
    /// </summary>
    /// <remarks>Within <see cref="LingerTimeout"/>.</remarks>
    public TimeSpan LingerQuietTime { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The most bytes, terminators included, that wait in a connection's mailbox. Defaults to 64 KiB.</summary>
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
            (nameof(FirstLineTimeout), FirstLineTimeout),
            (nameof(IdleTimeout), IdleTimeout),
            (nameof(LineTimeout), LineTimeout),
            (nameof(HandlerTimeout), HandlerTimeout),
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

    /// <summary>A copy.</summary>
    public new LineLimits Clone() => (LineLimits)MemberwiseClone();
}
