using System.Net;
using System.Net.Sockets;

namespace LineServer.Transports.Epoll;

/// <summary>
/// Options of the epoll transport. Names that Kestrel's <c>SocketTransportOptions</c> has too mean the same, but for
/// <see cref="MaxWriteBufferSize"/>: 0 makes each flush wait until the kernel has its bytes.
/// </summary>
public sealed class EpollTransportOptions
{
    /// <summary>
    /// Event loops, each a thread with an epoll instance of its own. At least 1. Defaults to one for each processor that
    /// this process may use. Listeners have no loop to themselves: one of these notices the new connections of a listener,
    /// which wait while that loop is blocked, whichever loop they would be dealt to.
    /// </summary>
    public int LoopCount { get; set; } = Environment.ProcessorCount;

    /// <summary>Connections that the kernel queues until they are accepted: listen(2). At least 1. Defaults to 512.</summary>
    public int Backlog { get; set; } = 512;

    /// <summary>Whether small writes are sent at once (TCP_NODELAY). Defaults to true.</summary>
    public bool NoDelay { get; set; } = true;

    /// <summary>
    /// The most bytes that one read brings, and so the most that is held of what the application has not examined yet.
    /// At least 1; null is as much as the largest read. Defaults to 1 MiB.
    /// </summary>
    public long? MaxReadBufferSize { get; set; } = 1024 * 1024;

    /// <summary>
    /// Bytes that may still wait to be sent when a flush completes; a flush that leaves this many or more waits until half
    /// of them are left. 0: every flush waits until the kernel has all of its bytes. Null: no flush waits. Defaults to
    /// 64 KiB. Up to 4 KiB that a flush on the event loop has released may lie there until the connections that were ready
    /// with this one have been handled: a few milliseconds, unless one of them blocks the loop. They are not counted.
    /// </summary>
    public long? MaxWriteBufferSize { get; set; } = 64 * 1024;

    /// <summary>
    /// Bytes that one connection may receive in one iteration of its loop, and bytes of a queue that it may send, before the
    /// other connections have had their turn. At least 1. Defaults to 256 KiB. It is looked at between system calls, so an
    /// iteration may bring one read or one send more. Reads are bounded for continuations on the loop only: the thread pool
    /// is fair by itself.
    /// </summary>
    public int ReadBudget { get; set; } = 256 * 1024;

    /// <summary>
    /// Runs the awaiters of reads and flushes on the event loop, not on the thread pool. Faster, and dangerous: code that
    /// blocks there holds up every connection of the loop. Defaults to false. A connection can ask for it alone, by
    /// <see cref="LineServer.Connections.IEventLoopFeature.RunsInline"/> before its first read.
    /// </summary>
    public bool UnsafePreferInlineScheduling { get; set; }

    /// <summary>
    /// How long a connection is silent before the kernel asks whether its peer is still there (SO_KEEPALIVE,
    /// TCP_KEEPIDLE: tcp(7)). At least a second; null, the default, is never.
    /// </summary>
    public TimeSpan? KeepAliveTime { get; set; }

    /// <summary>
    /// Time between two such questions (TCP_KEEPINTVL), where <see cref="KeepAliveTime"/> is set. At least a second; null,
    /// the default, is the system's own.
    /// </summary>
    public TimeSpan? KeepAliveInterval { get; set; }

    /// <summary>
    /// Questions without an answer until the connection counts as lost (TCP_KEEPCNT), where <see cref="KeepAliveTime"/> is
    /// set. At least 1; null, the default, is the system's own.
    /// </summary>
    public int? KeepAliveRetryCount { get; set; }

    /// <summary>
    /// How long sent bytes may stay unacknowledged until the connection counts as lost (TCP_USER_TIMEOUT: tcp(7)). At least
    /// a millisecond; null, the default, is the system's own.
    /// </summary>
    public TimeSpan? UserTimeout { get; set; }

    /// <summary>Permissions of the file of a Unix domain socket. Null, the default: what the process's umask leaves.</summary>
    public UnixFileMode? UnixSocketMode { get; set; }

    /// <summary>
    /// Descriptors that accepting leaves free for the rest of the process: .NET needs some to load an assembly or to start
    /// a thread, and ends the process when it gets none. Defaults to 32; 0 is none.
    /// </summary>
    public int ReservedDescriptors { get; set; } = 32;

    /// <summary>
    /// How long code may block an event loop before that is reported, once, with the connection (a warning in the log, and
    /// the counter <c>epoll.loop.held</c>). The time that the JIT takes meanwhile does not count. A blocked loop holds up its
    /// connections, and the new ones of the listeners that it serves (<see cref="LoopCount"/>). From a millisecond to
    /// 24 days; null is not at all. Defaults to 100 ms.
    /// </summary>
    public TimeSpan? HeldLoopThreshold { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Makes and binds a listening socket; the transport calls listen(2) itself. Defaults to
    /// <see cref="CreateDefaultBoundListenSocket"/>, to which alone <see cref="UnixSocketMode"/> applies.
    /// </summary>
    public Func<EndPoint, Socket>? CreateBoundListenSocket { get; set; }

    /// <summary>
    /// The listening socket where <see cref="CreateBoundListenSocket"/> is null. A Unix domain socket's file on which nobody
    /// listens any more is replaced.
    /// </summary>
    /// <exception cref="SocketException">It cannot be bound, or another process listens on the file.</exception>
    /// <exception cref="NotSupportedException">The endpoint is of another kind.</exception>
    public static Socket CreateDefaultBoundListenSocket(EndPoint endpoint) => Internal.ListenSocket.Bind(endpoint, mode: null);

    internal EpollTransportOptions Clone() => (EpollTransportOptions)MemberwiseClone();

    /// <summary>One message for each option that is out of its range; it begins with the option's name.</summary>
    public IEnumerable<string> Validate()
    {
        if (LoopCount < 1)
        {
            yield return $"{nameof(LoopCount)} must be at least 1, not {LoopCount}.";
        }

        if (Backlog < 1)
        {
            yield return $"{nameof(Backlog)} must be at least 1, not {Backlog}.";
        }

        if (MaxReadBufferSize < 1)
        {
            yield return $"{nameof(MaxReadBufferSize)} must be at least 1 byte or null, not {MaxReadBufferSize}.";
        }

        if (MaxWriteBufferSize < 0)
        {
            yield return $"{nameof(MaxWriteBufferSize)} must not be negative: {MaxWriteBufferSize}.";
        }

        if (ReadBudget < 1)
        {
            yield return $"{nameof(ReadBudget)} must be at least 1 byte, not {ReadBudget}.";
        }

        if (KeepAliveTime < TimeSpan.FromSeconds(1) || KeepAliveInterval < TimeSpan.FromSeconds(1) || KeepAliveRetryCount < 1)
        {
            yield return $"{nameof(KeepAliveTime)} and {nameof(KeepAliveInterval)} must be at least a second, {nameof(KeepAliveRetryCount)} at least 1.";
        }

        foreach ((string name, TimeSpan? value) in new[] { (nameof(UserTimeout), UserTimeout), (nameof(HeldLoopThreshold), HeldLoopThreshold) })
        {
            if (value < TimeSpan.FromMilliseconds(1))
            {
                yield return $"{name} must be at least 1 ms, not {value}.";
            }

            // The kernel's setting is an int of milliseconds, and a thread sleeps no longer.
            if (value?.TotalMilliseconds > int.MaxValue)
            {
                yield return $"{name} must be at most 24 days, not {value}.";
            }
        }

        if (ReservedDescriptors < 0)
        {
            yield return $"{nameof(ReservedDescriptors)} must not be negative: {ReservedDescriptors}.";
        }
    }
}
