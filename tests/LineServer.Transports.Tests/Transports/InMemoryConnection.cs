using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Transports.Tests.Transports;

/// <summary>The server's end: reads what the peer wrote into one pipe, writes into the other.</summary>
internal sealed class InMemoryConnection : ConnectionContext, IConnectionLifetimeFeature, IConnectionTransportFeature, IConnectionIdFeature, IConnectionItemsFeature
{
    private readonly CancellationTokenSource _closed = new();
    private readonly Pipe _inbound;
    private readonly Pipe _outbound;

    public InMemoryConnection(Pipe inbound, Pipe outbound)
    {
        (_inbound, _outbound) = (inbound, outbound);
        Transport = new DuplexPipe(inbound.Reader, outbound.Writer);
        ConnectionClosed = _closed.Token;
        Features = new FeatureCollection();
        Features.Set<IConnectionLifetimeFeature>(this);
        Features.Set<IConnectionTransportFeature>(this);
        Features.Set<IConnectionIdFeature>(this);
        Features.Set<IConnectionItemsFeature>(this);
        // The peer's end: whatever ends its writer ends the connection, as in Kestrel's sockets.
#pragma warning disable CS0618 // there is no other way for a pipe to tell
        inbound.Reader.OnWriterCompleted((_, state) => ((InMemoryConnection)state!).Close(), this);
#pragma warning restore CS0618
    }

    public override string ConnectionId { get; set; } = Guid.NewGuid().ToString("N");

    public override IFeatureCollection Features { get; }

    public override IDictionary<object, object?> Items { get; set; } = new ConnectionItems();

    public override IDuplexPipe Transport { get; set; }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        _inbound.Writer.Complete(abortReason);
        _outbound.Reader.CancelPendingRead();
        _outbound.Reader.Complete(); // flushes say that nobody reads any more
        Close();
    }

    public override ValueTask DisposeAsync()
    {
        Transport.Input.Complete();
        Transport.Output.Complete();
        _inbound.Writer.CancelPendingFlush();
        _inbound.Writer.Complete();
        Close();
        return base.DisposeAsync();
    }

    // Cancelling runs the callbacks of the token; not on the thread of whoever ended the stream.
    private void Close() => ThreadPool.UnsafeQueueUserWorkItem(
        closed =>
        {
            try
            {
                closed.Cancel();
            }
            catch (AggregateException)
            {
                // A callback's own affair.
            }
        },
        _closed,
        preferLocal: false);

    private sealed class DuplexPipe(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
