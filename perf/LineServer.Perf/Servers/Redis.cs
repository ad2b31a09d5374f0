using LineServer.Perf.Linux;
using LineServer.Perf.Work;

namespace LineServer.Perf.Servers;

/// <summary>The Redis that servers ask before each reply if their handler is await-remote.</summary>
internal static class Redis
{
    /// <summary>Starts a Redis for a workload that needs one; null for any other workload.</summary>
    /// <param name="workload">The workload.</param>
    /// <param name="cores">Not the measured server's: the cost of Redis is not the server's.</param>
    /// <param name="server">The command that starts Redis; null for the built-in server.</param>
    /// <exception cref="RunFailedException">It cannot be built or started; the message says how to build it.</exception>
    public static ServerProcess? StartFor(Workload workload, Cores cores, ServerCommand? server = null)
    {
        if (workload.Handler != ServerHandler.AwaitRemote)
        {
            return null;
        }

        server ??= BuiltInServers.Find("redis", []);
        try
        {
            return ServerProcess.Start(server, cores);
        }
        catch (RunFailedException e)
        {
            throw new RunFailedException(
                $"the handler {workload.Handler} needs a Redis, which {server.BuiltBy} builds: {e.Message}");
        }
    }
}
