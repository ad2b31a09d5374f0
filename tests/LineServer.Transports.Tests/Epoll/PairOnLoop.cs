using System.IO.Pipelines;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>Pairs whose server's side runs on its loop from the first.</summary>
internal static class PairOnLoop
{
    /// <summary>Connects, and has the handler begin on the loop, where everything stays that is begun there.</summary>
    /// <returns>The pair, and the handler's end; a handler of a connection that the test aborts ends well.</returns>
    public static async Task<(Pair Pair, Task Handling)> ConnectAsync(Listening listening, EventLoop loop, Func<ConnectionContext, Task> handler)
    {
        Pair pair = await listening.PairAsync(socket => socket.NoDelay = true);
        bool isOnLoop = false;
        Task handling = Task.Run(async () =>
        {
            try
            {
                // A wait that has ended before it is awaited goes on where it is.
                while (!isOnLoop)
                {
                    await ReadAsync(pair.Server);
                    Volatile.Write(ref isOnLoop, loop.IsCurrent);
                    await pair.Output.WriteAsync("."u8.ToArray());
                }

                await handler(pair.Server);
            }
            catch (ConnectionAbortedException)
            {
                // by the test
            }
        });
        while (!Volatile.Read(ref isOnLoop))
        {
            await pair.Peer.SendAsync("."u8.ToArray());
            await pair.Peer.ReceiveExactlyAsync(1).InTime();
        }

        return (pair, handling);
    }

    /// <summary>Reads what has come, whatever it is.</summary>
    /// <returns>False at the end of the stream.</returns>
    public static async ValueTask<bool> ReadAsync(ConnectionContext server)
    {
        ReadResult read = await server.Transport.Input.ReadAsync();
        server.Transport.Input.AdvanceTo(read.Buffer.End);
        return !read.IsCompleted;
    }
}
