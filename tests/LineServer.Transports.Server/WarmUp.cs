using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using LineServer.Transports.Epoll;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace LineServer.Transports.Server;

/// <summary>
/// A process without a single descriptor cannot load an assembly nor start a thread, its first timer's for one; that is what ReservedDescriptors is for.
/// Where a test sets it to 0, .NET must have all of that before.
/// </summary>
internal static class WarmUp
{
    private const int Workers = 8;

    /// <summary>Has the thread pool start all the threads that it may have: at once, so that none does the work of two.</summary>
    public static async Task StartThreadsAsync()
    {
        ThreadPool.GetMinThreads(out _, out int completionPorts);
        ThreadPool.SetMinThreads(Workers, completionPorts);
        ThreadPool.SetMaxThreads(Workers, Math.Max(Workers, completionPorts));
        using var together = new Barrier(Workers);
        await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => Task.Run(together.SignalAndWait)));
    }

    /// <summary>Has an accept back off, while there are descriptors.</summary>
    public static async Task BackOffAsync()
    {
        using var backOffs = new BackOffCount();
        // So many are to be left free that one connection is too many.
        var options = new EpollTransportOptions { LoopCount = 1, ReservedDescriptors = int.MaxValue };
        await using var transport = new EpollTransportFactory(Options.Create(options), NullLoggerFactory.Instance);
        await using IConnectionListener listener = await transport.BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect(listener.EndPoint);
        await using ConnectionContext? connection = await listener.AcceptAsync();
        Task<ConnectionContext?> backingOff = listener.AcceptAsync().AsTask();
        await backOffs.ReachAsync(3);
        await listener.UnbindAsync();
        await backingOff;
        _ = Marshal.GetPInvokeErrorMessage(24); // EMFILE
    }
}
