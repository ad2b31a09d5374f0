using System.Net;
using LineServer.Connections;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Hosting.Internal;

/// <summary>A connection that an endpoint has let in, from accept to close. All that is kept of it beside the transport's and the loop's.</summary>
internal sealed class ServerConnection(ConnectionEndpoint endpoint, ConnectionContext context, Admission admission, EndPoint? peer)
    : ConnectionPlace(admission, peer), IThreadPoolWorkItem
{
    private Task? _served;

    /// <summary>Links of the endpoint's list; under its lock.</summary>
    public ServerConnection? Next { get; set; }

    /// <inheritdoc cref="Next"/>
    public ServerConnection? Previous { get; set; }

    public ConnectionContext Context => context;

    /// <summary>Serves, where the connection's first read is to happen: on its event loop, or on the thread pool.</summary>
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

    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            _served = endpoint.ServeAsync(this);
        }
#pragma warning disable CA1031 // Whatever middleware or a handler's constructor throws ends this connection, and no other.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _served = Task.FromException(e);
        }

        if (_served.IsCompleted)
        {
            OnServed();
        }
        else
        {
            // A delegate, and no async method around the whole: thousands lie idle, and each would keep that method's state.
            _served.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(OnServed);
        }
    }

    private void OnServed() => _ = EndAsync(_served!);

    private async Task EndAsync(Task served)
    {
        try
        {
            if (served.Exception is { } exception)
            {
                endpoint.ReportFailure(context, exception.InnerException ?? exception);
                context.Abort(new ConnectionAbortedException("What serves the connection failed.", exception));
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
