using System.Buffers;
using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using LineServer.Connections;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// What hosts ask of a connection. It is its own feature collection, and creates what is rarely asked for on
/// demand.
/// </summary>
internal sealed partial class SocketConnection<TCalls> :
    IFeatureCollection,
    IConnectionIdFeature,
    IConnectionTransportFeature,
    IConnectionItemsFeature,
    IConnectionLifetimeFeature,
    IConnectionEndPointFeature,
    IConnectionSocketFeature,
    IHalfCloseFeature,
    IEventLoopFeature,
    IMemoryPoolFeature
{
    // The number of features that Kestrel and Hosting set on each connection. Sizing the array for them saves
    // memory on thousands of connections.
    private const int UsualFeatures = 5;

    private static long _lastId = DateTime.UtcNow.Ticks;

    private volatile bool _hasEnded;
    private object? _handler;
    private Extras? _extras;

    public override string ConnectionId
    {
        get => Rare.Id ??= Interlocked.Increment(ref _lastId).ToString("X", CultureInfo.InvariantCulture);
        set => Rare.Id = value;
    }

    public override IFeatureCollection Features => this;

    public override IDictionary<object, object?> Items
    {
        get => Rare.Items ??= new ConnectionItems();
        set => Rare.Items = value;
    }

    public override IDuplexPipe Transport
    {
        get => _extras?.Transport ?? this;
        set => Rare.Transport = value;
    }

    /// <summary>
    /// Cancelled on the thread pool when the peer has ended its side or the connection has ended, as on
    /// Kestrel's sockets.
    /// </summary>
    public override CancellationToken ConnectionClosed
    {
        get
        {
            if (_extras?.ConnectionClosed is { } replaced)
            {
                return replaced;
            }

            CancellationTokenSource source = LazyInitializer.EnsureInitialized(ref Rare.ClosedSource);
            if (_hasEnded)
            {
                CancelOnThreadPool(source);
            }

            return source.Token;
        }
        set => Rare.ConnectionClosed = value;
    }

    public override EndPoint? LocalEndPoint
    {
        get => Rare.LocalEndPoint ?? FindLocalEndPoint();
        set => Rare.LocalEndPoint = value;
    }

    public override EndPoint? RemoteEndPoint
    {
        get => Rare.RemoteEndPoint ??= _family == AddressFamily.Unix ? UnixEndPoint(static socket => socket.RemoteEndPoint) : _peer.ToEndPoint();
        set => Rare.RemoteEndPoint = value;
    }

    MemoryPool<byte> IMemoryPoolFeature.MemoryPool => _transport.MemoryPool;

    // Its handle does not own the descriptor. The connection disposes the socket before it closes the
    // descriptor, whose number may then be reused.
    Socket IConnectionSocketFeature.Socket => FindSocket() ?? throw new ObjectDisposedException(nameof(Socket), "The connection was closed.");

    bool IHalfCloseFeature.CompletingOutputSendsFin => true;

    object? IEventLoopFeature.Handler
    {
        get => _handler;
        set => _handler = value;
    }

    bool IFeatureCollection.IsReadOnly => false;

    int IFeatureCollection.Revision => _extras?.Revision ?? 0;

    object? IFeatureCollection.this[Type key]
    {
        get => FindFeature(key);
        set => SetFeature(key, value);
    }

    private Extras Rare => LazyInitializer.EnsureInitialized(ref _extras);

    TFeature? IFeatureCollection.Get<TFeature>()
        where TFeature : default => (TFeature?)FindFeature(typeof(TFeature));

    void IFeatureCollection.Set<TFeature>(TFeature? instance)
        where TFeature : default => SetFeature(typeof(TFeature), instance);

    IEnumerator<KeyValuePair<Type, object>> IEnumerable<KeyValuePair<Type, object>>.GetEnumerator()
    {
        foreach (Type type in _transport.FeatureTypes)
        {
            if (FindFeature(type) is { } feature)
            {
                yield return new(type, feature);
            }
        }

        foreach ((Type type, object? feature) in _extras?.OtherFeatures ?? [])
        {
            if (feature is not null && !_transport.FeatureTypes.Contains(type))
            {
                yield return new(type, feature);
            }
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => ((IEnumerable<KeyValuePair<Type, object>>)this).GetEnumerator();

    private object? FindFeature(Type key)
    {
        foreach ((Type type, object? feature) in _extras?.OtherFeatures ?? [])
        {
            if (type == key)
            {
                return feature;
            }
        }

        return _transport.FeatureTypes.Contains(key) ? this : null;
    }

    private void SetFeature(Type key, object? feature)
    {
        Extras rare = Rare;
        KeyValuePair<Type, object?>[] others = rare.OtherFeatures ?? new KeyValuePair<Type, object?>[UsualFeatures];
        int index = 0;
        while (index < others.Length && others[index].Key is { } other && other != key)
        {
            index++;
        }

        if (index == others.Length)
        {
            Array.Resize(ref others, index + 1);
        }

        others[index] = new(key, feature);
        rare.OtherFeatures = others;
        rare.Revision++;
    }

    bool IEventLoopFeature.IsCurrent => Loop.IsCurrent;

    void IEventLoopFeature.Post(IThreadPoolWorkItem item)
    {
        ArgumentNullException.ThrowIfNull(item);
        Loop.Post(new PostedItem(this, item));
    }

    void IEventLoopFeature.PostAtEnd(IThreadPoolWorkItem item)
    {
        ArgumentNullException.ThrowIfNull(item);
        if (Loop.IsCurrent)
        {
            Loop.PostAtEnd(new PostedItem(this, item));
        }
        else
        {
            Loop.Post(new PostedItem(this, item));
        }
    }

    HandlerContext IEventLoopFeature.CreateContext(IEventLoopHandler handler, IThreadPoolWorkItem afterCallback) =>
        new LoopContext(Loop, this, handler, afterCallback);

    /// <summary>
    /// Cancels <see cref="ConnectionClosed"/>: the peer has ended its side, or the connection has ended.
    /// </summary>
    public void OnPeerEnded()
    {
        if (_hasEnded)
        {
            return;
        }

        _hasEnded = true;
        // Either this sees the source that ConnectionClosed has just created, or ConnectionClosed sees
        // _hasEnded.
        Interlocked.MemoryBarrier();
        if (_extras?.ClosedSource is { } source)
        {
            CancelOnThreadPool(source);
        }
    }

    private void CancelOnThreadPool(CancellationTokenSource source)
    {
        try
        {
            ThreadPool.UnsafeQueueUserWorkItem(static it => it.Connection.CancelAndLog(it.Source), (Connection: this, Source: source), preferLocal: false);
        }
        catch (OutOfMemoryException)
        {
            // The token stays uncancelled, but the pipes end nevertheless.
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "On the thread pool it would end the process.")]
    private void CancelAndLog(CancellationTokenSource source)
    {
        try
        {
            source.Cancel();
        }
        catch (Exception e)
        {
            _transport.Failures.Write(LogLevel.Error, e, "{Connection}: a callback of ConnectionClosed threw", this);
        }
    }

    private Socket? FindSocket()
    {
        Use use = Enter();
        if (use == Use.None)
        {
            return null;
        }

        try
        {
            Extras rare = Rare;
            lock (rare)
            {
                return rare.Socket ??= new Socket(new SafeSocketHandle(Descriptor, ownsHandle: false));
            }
        }
        finally
        {
            Exit(use);
        }
    }

    private EndPoint? UnixEndPoint(Func<Socket, EndPoint?> choose)
    {
        try
        {
            return FindSocket() is { } socket ? choose(socket) : null;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return null; // closed in the meantime
        }
    }

    // Keep the first answer: an abort asks for the address before it dissolves it, and a concurrent caller
    // may find none.
    private EndPoint? FindLocalEndPoint()
    {
        EndPoint? found = _family == AddressFamily.Unix ? UnixEndPoint(static socket => socket.LocalEndPoint) : ReadLocalEndPoint();
        return Interlocked.CompareExchange(ref Rare.LocalEndPoint, found, null) ?? found;
    }

    private unsafe IPEndPoint? ReadLocalEndPoint()
    {
        Use use = Enter();
        if (use == Use.None)
        {
            return null;
        }

        byte* address = stackalloc byte[PeerAddress.MaxSize];
        int length = PeerAddress.MaxSize;
        int result = Libc.GetSocketName(Descriptor, address, &length);
        Exit(use);
        return result == 0 ? PeerAddress.Parse(new ReadOnlySpan<byte>(address, length)).ToEndPoint() : null;
    }

    /// <summary>State that few connections need.</summary>
    private sealed class Extras
    {
        public string? Id;
        public KeyValuePair<Type, object?>[]? OtherFeatures; // set by the host
        public int Revision;
        public CancellationTokenSource? ClosedSource;
        public IDictionary<object, object?>? Items;
        public IDuplexPipe? Transport;
        public CancellationToken? ConnectionClosed;
        public EndPoint? LocalEndPoint;
        public EndPoint? RemoteEndPoint;
        public Socket? Socket;
        public TaskCompletionSource? Connecting; // on the client side, until it is connected
    }
}
