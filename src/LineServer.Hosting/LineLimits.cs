using LineServer.Framing;

namespace LineServer.Hosting;

/// <summary>The limits of an endpoint. Null means no limit.</summary>
public class LineLimits : ConnectionLimits
{
    // Timers in .NET take at most about 49 days.
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(40);

    /// <summary>
    /// The maximum size of a line in bytes, without its terminator; of a counted message, its count. Defaults
    /// to 65536.
    /// </summary>
    /// <remarks>1 byte to 1 GiB. A client can make the server buffer this much for each connection.</remarks>
    public int MaxLineSize { get; set; } = LineFormat.Default.MaxLineSize;

    /// <summary>
    /// The maximum number of bytes that the transport reads ahead; also the largest payload that a handler
    /// can read at once. Defaults to 1 MiB.
    /// </summary>
    /// <remarks>
    /// Must hold a line and its terminator. The transport has its own option for reading ahead; the daemon
    /// sets both.
    /// </remarks>
    public int MaxReadBufferSize { get; set; } = 1 << 20;

    /// <summary>
    /// The number of reply bytes staged for a client at which the server flushes, and waits for the client to
    /// read. Defaults to 64 KiB.
    /// </summary>
    /// <remarks>The replies to a single line may exceed it.</remarks>
    public int MaxWriteBufferSize { get; set; } = 64 * 1024;

    /// <summary>How long a connection may stay open without a complete line. Defaults to null.</summary>
    /// <remarks>
    /// It counts from when the server begins to read, after <see cref="LineHandlerBase.OnConnectedAsync"/>.
    /// It ends connections opened only to occupy a place, even where clients may be idle later.
    /// </remarks>
    public TimeSpan? FirstLineTimeout { get; set; }

    /// <summary>
    /// How long a connection may be idle: nothing is sent or received, and no line is being handled. Defaults
    /// to null.
    /// </summary>
    /// <remarks>Without it, a client that vanished without a FIN or RST occupies its place forever.</remarks>
    public TimeSpan? IdleTimeout { get; set; }

    /// <summary>
    /// How long a line may take from its first byte (of its count, if it has one) to its end, and a payload
    /// from when the handler asks for it. Defaults to 30 seconds.
    /// </summary>
    /// <remarks>
    /// Time in which the server does not read does not count: while a handler works, or a client does not
    /// read its replies.
    /// </remarks>
    public TimeSpan? LineTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long the handler may take for a line, for <see cref="LineHandlerBase.OnConnectedAsync"/>, or for
    /// <see cref="LineHandlerBase.OnLinesEndedAsync"/>. Defaults to null.
    /// </summary>
    /// <remarks>
    /// When it expires, the connection is aborted and the handler's cancellation token is cancelled. Time in
    /// which the handler waits for the client (<see cref="LineConnection.FlushAsync"/>,
    /// <see cref="LineConnection.ReadPayloadAsync"/>) does not count. A handler that ignores the token delays
    /// the end of its connection until it returns. Without a limit, a handler that never returns keeps the
    /// resources of a client that left long ago.
    /// </remarks>
    public TimeSpan? HandlerTimeout { get; set; }

    /// <summary>
    /// How long a flush may be pending before the connection is aborted. Defaults to 30 seconds.
    /// </summary>
    public TimeSpan? SendTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a stopping server waits for its connections before it aborts them. Defaults to 10 seconds.
    /// </summary>
    public TimeSpan? DrainTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long an orderly close reads and discards input while it waits for the client's FIN. Defaults to 2
    /// seconds.
    /// </summary>
    public TimeSpan LingerTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// On transports that cannot send FIN first (Kestrel's sockets): how long the client must be silent
    /// before an orderly close completes. Defaults to 100 milliseconds.
    /// </summary>
    /// <remarks><see cref="LingerTimeout"/> limits the total.</remarks>
    public TimeSpan LingerQuietTime { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// The capacity of a connection's mailbox in bytes, terminators included. Defaults to 64 KiB.
    /// </summary>
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

    /// <summary>Copies the limits.</summary>
    public new LineLimits Clone() => (LineLimits)MemberwiseClone();
}
