using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using LineServer.Connections;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>The state shared by listeners, connections and loops, behind the public factory.</summary>
internal sealed class EpollTransport<TCalls> : IConnectionListenerFactory, IConnectionListenerFactorySelector, IConnectionFactory, IAsyncDisposable
    where TCalls : struct, ISystemCalls
{
    private static readonly TimeSpan ReportInterval = TimeSpan.FromSeconds(1);

    private readonly bool _isView;

    public EpollTransport(EpollTransportOptions options, ILoggerFactory loggerFactory, TimeProvider time, MemoryPool<byte>? memoryPool = null)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new PlatformNotSupportedException("The epoll transport needs Linux; elsewhere, Kestrel's sockets do the same.");
        }

        ThrowIfInvalid(options);
        Options = options;
        Time = time;
        Metrics = new TransportMetrics();
        Logger = loggerFactory.CreateLogger("LineServer.Transports.Epoll");
        MemoryPool = memoryPool ?? MemoryPool<byte>.Shared;
        MaxReadSize = (int)Math.Min(options.MaxReadBufferSize ?? AdaptiveSize.Largest, AdaptiveSize.Largest);
        Descriptors = new DescriptorLimit(options.ReservedDescriptors);
        Failures = new ReportLog(Logger, time, ReportInterval);
        BlockedLoopWatcher? watcher = options.HeldLoopThreshold is { } threshold ? new BlockedLoopWatcher(threshold, Metrics, Logger) : null;
        Loops = new LoopGroup(options.LoopCount, CreateLoop, watcher);
    }

    /// <summary>Other options on the loops of <paramref name="owner"/>, which also ends them.</summary>
    public EpollTransport(EpollTransport<TCalls> owner, EpollTransportOptions options)
    {
        ThrowIfInvalid(options);
        _isView = true;
        Options = options;
        Time = owner.Time;
        Logger = owner.Logger;
        Failures = owner.Failures;
        Metrics = owner.Metrics;
        MemoryPool = owner.MemoryPool;
        MaxReadSize = (int)Math.Min(options.MaxReadBufferSize ?? AdaptiveSize.Largest, AdaptiveSize.Largest);
        Descriptors = owner.Descriptors;
        Loops = owner.Loops;
    }

    public EpollTransportOptions Options { get; }

    public TimeProvider Time { get; }

    public ILogger Logger { get; }

    /// <summary>Reports unexpected failures. Thread-safe; never blocks the caller.</summary>
    public ReportLog Failures { get; }

    public TransportMetrics Metrics { get; }

    public MemoryPool<byte> MemoryPool { get; }

    public LoopGroup Loops { get; }

    public DescriptorLimit Descriptors { get; }

    /// <summary>The maximum number of bytes in one read.</summary>
    public int MaxReadSize { get; }

    /// <summary>The features that a connection itself implements.</summary>
    public Type[] FeatureTypes { get; } =
    [
        typeof(IConnectionIdFeature), typeof(IConnectionTransportFeature), typeof(IConnectionItemsFeature), typeof(IConnectionLifetimeFeature),
        typeof(IConnectionEndPointFeature), typeof(IConnectionSocketFeature), typeof(IMemoryPoolFeature),
        typeof(IHalfCloseFeature), typeof(IEventLoopFeature),
    ];

    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint or UnixDomainSocketEndPoint or FileHandleEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        Socket socket;
        try
        {
            socket = Options.CreateBoundListenSocket?.Invoke(endpoint) ?? ListenSocket.Bind(endpoint, Options.UnixSocketMode);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(e.Message, e);
        }

        try
        {
            return new ValueTask<IConnectionListener>(new SocketListener<TCalls>(this, Loops.Next(), socket, isPassed: endpoint is FileHandleEndPoint));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            // If both sockets have SO_REUSEADDR, only listen(2) detects two listeners on one address.
            socket.Dispose();
            throw new AddressInUseException(e.Message, e);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public async ValueTask<ConnectionContext> ConnectAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        cancellationToken.ThrowIfCancellationRequested();
        if (endpoint is not (IPEndPoint or UnixDomainSocketEndPoint))
        {
            throw new NotSupportedException($"The epoll transport connects to IP and Unix domain sockets, not to {endpoint.GetType().Name}.");
        }

        // Do this before a descriptor exists, because it may fail.
        EventLoop loop = Loops.Fewest();
        SocketAddress address = endpoint.Serialize();
        int family = endpoint.AddressFamily switch
        {
            AddressFamily.InterNetwork => Libc.AddressFamilyInet,
            AddressFamily.InterNetworkV6 => Libc.AddressFamilyInet6,
            _ => Libc.AddressFamilyUnix,
        };
        int descriptor = Libc.Socket(family, Libc.SocketStream | Libc.NonBlocking | Libc.CloseOnExec, 0);
        if (descriptor < 0)
        {
            throw new SocketException((int)SocketErrors.FromErrno((Errno)Marshal.GetLastSystemError()));
        }

        SocketConnection<TCalls> connection;
        try
        {
            if (family != Libc.AddressFamilyUnix)
            {
                SocketOptions.Apply(descriptor, Options);
            }

            connection = new SocketConnection<TCalls>(this, loop, descriptor, endpoint.AddressFamily, PeerAddress.Parse(address.Buffer.Span));
        }
        catch
        {
            _ = Libc.Close(descriptor);
            throw;
        }

        await connection.ConnectAsync(address, cancellationToken).ConfigureAwait(false);
        return connection;
    }

    public async ValueTask DisposeAsync()
    {
        if (_isView)
        {
            return; // the loops belong to the owner
        }

        // Not on this thread, which may be a loop running a continuation: a loop cannot wait for itself.
        await Task.Run(Loops.Dispose).ConfigureAwait(false);
        Metrics.Dispose();
    }

    private static void ThrowIfInvalid(EpollTransportOptions options)
    {
        string[] problems = [.. options.Validate()];
        if (problems.Length > 0)
        {
            throw new OptionsValidationException(nameof(EpollTransportOptions), typeof(EpollTransportOptions), problems);
        }
    }

    private unsafe EventLoop CreateLoop(int index)
    {
        var epoll = new EpollInstance(&TCalls.Wait);
        try
        {
            return new EventLoop($"epoll-{index}", epoll, Options.ReadBudget, Failures);
        }
        catch
        {
            epoll.Close();
            throw;
        }
    }
}
