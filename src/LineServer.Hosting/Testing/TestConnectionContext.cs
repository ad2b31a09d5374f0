using System.IO.Pipelines;
using LineServer.Connections;
using LineServer.Hosting.Internal;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Hosting.Testing;

/// <summary>The server's end of a <see cref="LineTestConnection"/>.</summary>
internal sealed class TestConnectionContext : ConnectionContext, IConnectionLifetimeNotificationFeature, IHalfCloseFeature
{
    private static int _connections;

    private readonly Pipe _toServer;
    private readonly Pipe _toClient;
    private readonly CancellationTokenSource _closeRequested = new();
    private IDictionary<object, object?>? _items;

    public TestConnectionContext(Pipe toServer, Pipe toClient)
    {
        _toServer = toServer;
        _toClient = toClient;
        Transport = new DuplexPipe(toServer.Reader, toClient.Writer);
        ConnectionId = $"test-{Interlocked.Increment(ref _connections)}";
        ConnectionClosedRequested = _closeRequested.Token;
        Features.Set<IHalfCloseFeature>(this);
        Features.Set<IConnectionLifetimeNotificationFeature>(this);
    }

    public override string ConnectionId { get; set; }

    public override IFeatureCollection Features { get; } = new FeatureCollection();

    public override IDictionary<object, object?> Items
    {
        get => _items ??= new ConnectionItems();
        set => _items = value;
    }

    public override IDuplexPipe Transport { get; set; }

    public CancellationToken ConnectionClosedRequested { get; set; }

    bool IHalfCloseFeature.CompletingOutputSendsFin => true;

    public void RequestClose() => _closeRequested.Cancel();

    /// <summary>True once the server aborted the connection, which stands for an RST.</summary>
    public bool IsAborted { get; private set; }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        IsAborted = true;
        // Ends both the loop's pending read and its pending flush, as on a socket that was shut down.
        _toServer.Writer.Complete(abortReason);
        _toClient.Writer.CancelPendingFlush();
    }

    public override async ValueTask DisposeAsync()
    {
        _closeRequested.Dispose();
        await base.DisposeAsync();
    }

    private sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
