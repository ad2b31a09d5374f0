using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Ends a connection that exceeds a limit and never gets a loop. Its handler may send a last line ("too many
/// connections") if its type overrides <see cref="LineHandlerBase.OnClosing"/>. Nothing is read, and the
/// close does not linger.
/// </summary>
internal static class Refusal
{
    // A timer that is due at once would reset clients that do read their last line.
    private static readonly TimeSpan ShortestBound = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Aborts the connection after <see cref="LineLimits.LingerTimeout"/>, but not before a second, unless the timer
    /// is disposed first: a client that does not read a long last line must not keep its descriptor. Null if there
    /// is no last line.
    /// </summary>
    public static ITimer? Bound(ConnectionContext connection, LineEndpoint endpoint) =>
        endpoint.Handlers.MayHaveLastLine
            ? endpoint.Time.CreateTimer(
                static refused => Abort((ConnectionContext)refused!), connection, Max(endpoint.Limits.LingerTimeout, ShortestBound), Timeout.InfiniteTimeSpan)
            : null;

    /// <summary>
    /// Logs what a handler or the transport throws. When the task ends, so has the connection's output; the
    /// host disposes the connection.
    /// </summary>
    public static async Task RunAsync(ConnectionContext connection, LineEndpoint endpoint, CloseReason reason)
    {
        Inbox inbox = Inbox.Refused(connection, reason);
        endpoint.Log.ConnectionRefused(inbox, reason);
        endpoint.Metrics.ConnectionRefused(reason);
        if (endpoint.Handlers.MayHaveLastLine)
        {
            await SayLastLineAsync(inbox, endpoint, reason);
        }

        try
        {
            await connection.Transport.Output.CompleteAsync();
            await connection.Transport.Input.CompleteAsync();
        }
#pragma warning disable CA1031 // A transport may throw anything; the connection has ended.
        catch (Exception e)
#pragma warning restore CA1031
        {
            endpoint.Log.ConnectionLost(e, inbox);
        }
    }

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private static void Abort(ConnectionContext connection)
    {
        try
        {
            connection.Abort(new ConnectionAbortedException("A refused client has not read its last line."));
        }
#pragma warning disable CA1031 // On a timer: an abort that throws would end the process.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }

    private static async Task SayLastLineAsync(Inbox inbox, LineEndpoint endpoint, CloseReason reason)
    {
        LineHandlerBase? handler = null;
        IServiceScope? scope = null;
        try
        {
            handler = endpoint.Handlers.Make(ref scope);
            if (endpoint.Handlers.HasLastLine(handler))
            {
                handler.Attach(inbox);
                var output = new TransportOutput(inbox.Context.Transport.Output, endpoint.Format.Delimiter, endpoint.Limits.MaxWriteBufferSize);
                handler.OnClosing(reason, output);
                if (output.Staged > 0)
                {
                    await output.FlushAsync();
                }
            }
        }
#pragma warning disable CA1031 // Application or transport code may throw anything; the connection ends anyway.
        catch (Exception e)
#pragma warning restore CA1031
        {
            endpoint.Log.HandlerFailed(e, inbox, nameof(LineHandlerBase.OnClosing));
        }

        await HandlerSource.DisposeAsync(handler, scope, endpoint.Log, inbox);
    }
}
