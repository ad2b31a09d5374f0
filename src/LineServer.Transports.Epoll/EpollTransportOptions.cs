using System.Net;
using System.Net.Sockets;

namespace LineServer.Transports.Epoll;

/// <summary>
/// Options of the epoll transport. Options that share a name with Kestrel's <c>SocketTransportOptions</c>
/// have the same purpose, but 0 does not mean unlimited: <see cref="MaxWriteBufferSize"/> 0 makes each flush
/// wait until the kernel has its bytes, and <see cref="MaxReadBufferSize"/> does not accept it.
/// </summary>
public sealed class EpollTransportOptions
{
    /// <summary>
    /// The number of event loops, each a thread with its own epoll instance. At least 1. Defaults to one for
    /// each processor that the process may use. A listener has no loop of its own: one of these loops gets
    /// its accept edges. While that loop is blocked, new connections of the listener wait, including those
    /// meant for other loops.
    /// </summary>
    public int LoopCount { get; set; } = Environment.ProcessorCount;

    /// <summary>
    /// How many connections the kernel queues for accepting: listen(2). At least 1. Defaults to 512.
    /// </summary>
    public int Backlog { get; set; } = 512;

    /// <summary>Whether small writes are sent at once (TCP_NODELAY). Defaults to true.</summary>
    public bool NoDelay { get; set; } = true;

    /// <summary>
    /// The maximum number of bytes in one read, and so of bytes held that the application has not examined.
    /// At least 1; null means the largest read. Defaults to 1 MiB.
    /// </summary>
    public long? MaxReadBufferSize { get; set; } = 1024 * 1024;

    /// <summary>
    /// A flush that leaves this many unsent bytes or more waits until half of them are left. 0: every flush
    /// waits until the kernel has all of its bytes. Null: no flush waits. Defaults to 64 KiB. Not counted: a
    /// flush of up to 4 KiB on the event loop may stay pending until the connections that were ready with
    /// this one have been handled. That takes a few milliseconds, unless one of them blocks the loop.
    /// </summary>
    public long? MaxWriteBufferSize { get; set; } = 64 * 1024;

    /// <summary>
    /// How many bytes one connection may receive, and how many queued bytes it may send, in one iteration of
    /// its loop before the other connections get their turn. At least 1. Defaults to 256 KiB. It is checked
    /// between system calls, so an iteration may exceed it by one read or one send. It limits reads only if
    /// their continuations run on the loop; the thread pool is fair by itself.
    /// </summary>
    public int ReadBudget { get; set; } = 256 * 1024;

    /// <summary>
    /// Runs the continuations of reads and flushes on the event loop instead of the thread pool. Faster, but
    /// code that blocks there stalls every connection of the loop. Defaults to false. A single connection can
    /// request it with <see cref="LineServer.Connections.IEventLoopFeature.RunsInline"/> before its first
    /// read.
    /// </summary>
    public bool UnsafePreferInlineScheduling { get; set; }

    /// <summary>
    /// How long a connection is idle before the kernel sends keep-alive probes (SO_KEEPALIVE, TCP_KEEPIDLE:
    /// tcp(7)). At least one second; null means never. Defaults to null.
    /// </summary>
    public TimeSpan? KeepAliveTime { get; set; }

    /// <summary>
    /// The interval between keep-alive probes (TCP_KEEPINTVL). Used only with <see cref="KeepAliveTime"/>. At
    /// least one second; null means the system's default. Defaults to null.
    /// </summary>
    public TimeSpan? KeepAliveInterval { get; set; }

    /// <summary>
    /// How many keep-alive probes may go unanswered before the connection is lost (TCP_KEEPCNT). Used only
    /// with <see cref="KeepAliveTime"/>. At least 1; null means the system's default. Defaults to null.
    /// </summary>
    public int? KeepAliveRetryCount { get; set; }

    /// <summary>
    /// How long sent bytes may stay unacknowledged before the connection is lost (TCP_USER_TIMEOUT: tcp(7)).
    /// At least one millisecond; null means the system's default. Defaults to null.
    /// </summary>
    public TimeSpan? UserTimeout { get; set; }

    /// <summary>
    /// The permissions of a Unix domain socket's file. Null means what the process's umask leaves. Defaults
    /// to null.
    /// </summary>
    public UnixFileMode? UnixSocketMode { get; set; }

    /// <summary>
    /// How many descriptors accepting leaves free for the rest of the process. .NET needs some to load an
    /// assembly or start a thread, and ends the process if it gets none. At least 0. Defaults to 32.
    /// </summary>
    public int ReservedDescriptors { get; set; } = 32;

    /// <summary>
    /// How long code may block an event loop before the transport reports it, once, with the connection: a
    /// warning in the log, and the counter <c>epoll.loop.held</c>. Time spent by the JIT, or without a core, does
    /// not count. A blocked loop stalls its connections, and new connections of the listeners that it serves
    /// (<see cref="LoopCount"/>), unless another thread can take it over:
    /// <see cref="LineServer.Connections.HandlerContext"/>. From 1 ms to 24 days; null disables the reports and the
    /// take-overs. Defaults to 100 ms.
    /// </summary>
    public TimeSpan? HeldLoopThreshold { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// Creates and binds a listening socket; the transport calls listen(2). Null means
    /// <see cref="CreateDefaultBoundListenSocket"/>, the only one to which <see cref="UnixSocketMode"/>
    /// applies. Defaults to null.
    /// </summary>
    public Func<EndPoint, Socket>? CreateBoundListenSocket { get; set; }

    /// <summary>
    /// Creates the listening socket if <see cref="CreateBoundListenSocket"/> is null. Replaces a Unix domain
    /// socket's file on which nobody listens anymore.
    /// </summary>
    /// <exception cref="SocketException">
    /// The address cannot be bound, or another process listens on the file.
    /// </exception>
    /// <exception cref="NotSupportedException">This kind of endpoint is not supported.</exception>
    public static Socket CreateDefaultBoundListenSocket(EndPoint endpoint) => Internal.ListenSocket.Bind(endpoint, mode: null);

    internal EpollTransportOptions Clone() => (EpollTransportOptions)MemberwiseClone();

    /// <summary>
    /// Describes each option that is out of range in a message that begins with the option's name.
    /// </summary>
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

            // The kernel stores an int of milliseconds, and a thread cannot sleep longer.
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
