using System.Net;
using LineServer.Connections;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Hosting.Internal;

/// <summary>
/// A connection that an endpoint has admitted, from accept to close. Holds all of its state outside the
/// transport's connection and the connection loop.
/// </summary>
internal sealed class ServerConnection(
    ConnectionEndpoint endpoint, ConnectionContext context, Admission admission, EndPoint? peer)
    : ConnectionPlace(admission, peer), ILinkedItem<ServerConnection>, IThreadPoolWorkItem
{
    ServerConnection? ILinkedItem<ServerConnection>.Next { get; set; }

    ServerConnection? ILinkedItem<ServerConnection>.Previous { get; set; }

    public ConnectionContext Context => context;

    /// <summary>
    /// Starts serving where the first read should run: on the connection's event loop, or on the thread pool.
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

    /// <summary>
    /// Called when the connection loop has ended. Without middleware, the connection ends too.
    /// </summary>
    /// <remarks>
    /// The loop calls this, because a continuation on its task would cost each idle connection a delegate of
    /// 64 bytes.
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
#pragma warning disable CA1031 // Running out of memory here ends only this connection.
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
#pragma warning disable CA1031 // An exception of middleware or a handler's constructor ends only this connection.
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
                context.Abort(new ConnectionAbortedException("The connection's handler or middleware failed.", failure));
            }

            await context.DisposeAsync().ConfigureAwait(false);
        }
#pragma warning disable CA1031 // The connection has ended anyway, and the endpoint's count must stay correct.
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
