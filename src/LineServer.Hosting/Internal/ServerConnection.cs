using System.Net;
using LineServer.Connections;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Hosting.Internal;

/// <summary>
/// A connection that an endpoint has let in, from accept to close: everything kept of it beside the transport's
/// connection and the connection loop.
/// </summary>
internal sealed class ServerConnection(ConnectionEndpoint endpoint, ConnectionContext context, Admission admission, EndPoint? peer)
    : ConnectionPlace(admission, peer), ILinkedItem<ServerConnection>, IThreadPoolWorkItem
{
    ServerConnection? ILinkedItem<ServerConnection>.Next { get; set; }

    ServerConnection? ILinkedItem<ServerConnection>.Previous { get; set; }

    public ConnectionContext Context => context;

    /// <summary>
    /// Starts to serve where the connection's first read is to happen: on its event loop, or on the thread pool.
    /// </summary>
    public void Start(bool startsInline)
    {
        if (startsInline && context.Features.Get<IEventLoopFeature>() is { } eventLoop)
        {
            eventLoop.Post(this);
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>The connection loop has ended. Unless middleware is around it, so has the connection.</summary>
    /// <remarks>
    /// The loop calls this because a continuation of its task would cost each idle connection a delegate of 64
    /// bytes.
    /// </remarks>
    public override void OnLoopEnded()
    {
        Free();
        if (endpoint.ServesLinesOnly)
        {
            _ = EndAsync(null);
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        if (!endpoint.ServesLinesOnly)
        {
            _ = RunPipelineAsync();
            return;
        }

        try
        {
            endpoint.ServeLines(this);
        }
#pragma warning disable CA1031 // No memory for the loop ends this connection, and no other.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _ = EndAsync(e);
        }
    }

    private async Task RunPipelineAsync()
    {
        Exception? failure = null;
        try
        {
            await endpoint.RunPipelineAsync(this).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Whatever middleware or a handler's constructor throws ends this connection, and no other.
        catch (Exception e)
#pragma warning restore CA1031
        {
            failure = e;
        }

        await EndAsync(failure).ConfigureAwait(false);
    }

    private async Task EndAsync(Exception? failure)
    {
        try
        {
            if (failure is not null)
            {
                endpoint.ReportFailure(context, failure);
                context.Abort(new ConnectionAbortedException("What serves the connection failed.", failure));
            }

            await context.DisposeAsync().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // Nobody is left to tell, and the endpoint must not lose count.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
        finally
        {
            Free();
            endpoint.Remove(this);
        }
    }
}
