using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.Extensions.Logging;

namespace LineServer.Daemon;

/// <summary>
/// Stops accepting before the last descriptors are taken, and goes on when some are free. Kestrel's own accept loop would spin on EMFILE; and
/// .NET needs descriptors to load an assembly or start a thread, and ends the process ("Out of memory") when it gets none.
/// </summary>
internal sealed partial class DescriptorReserve(IConnectionListenerFactory transport, ILogger logger) : IConnectionListenerFactory
{
    // More than .NET was seen to take at once, and than there are endpoints that accept at once.
    private const int Reserved = 32;

    // RLIMIT_NOFILE of <asm-generic/resource.h>: x64 and arm64.
    private const int OpenFiles = 7;

    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(10);

    private readonly long _first = FirstReserved();
    private long _mayLogAt;

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new Listener(this, await transport.BindAsync(endpoint, cancellationToken));

    // The kernel gives the lowest number that is free: which one it gives says how many are taken.
    private bool IsReserved(nint descriptor) => descriptor >= _first;

    private bool IsShort()
    {
        try
        {
            using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            return IsReserved(probe.Handle);
        }
        catch (SocketException)
        {
            return true;
        }
    }

    private static long FirstReserved() =>
        GetLimit(OpenFiles, out Limit limit) == 0 && limit.Current < int.MaxValue ? (long)limit.Current - Reserved : long.MaxValue;

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetLimit(int resource, out Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        public ulong Current;
        public ulong Most;
    }

    private sealed class Listener(DescriptorReserve reserve, IConnectionListener listener) : IConnectionListener
    {
        private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(5);
        private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(1);

        private readonly CancellationTokenSource _unbound = new();
        private bool _isShort;

        public EndPoint EndPoint => listener.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            if (_isShort)
            {
                await WaitAsync();
            }

            ConnectionContext? connection = await listener.AcceptAsync(cancellationToken);
            _isShort = connection?.Features.Get<IConnectionSocketFeature>()?.Socket.Handle is { } handle && reserve.IsReserved(handle);
            return connection;
        }

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            await _unbound.CancelAsync();
            await listener.UnbindAsync(cancellationToken);
        }

        public async ValueTask DisposeAsync()
        {
            await listener.DisposeAsync();
            _unbound.Dispose();
        }

        private async Task WaitAsync()
        {
            if (reserve.IsShort())
            {
                reserve.Log(EndPoint);
            }

            try
            {
                for (TimeSpan wait = FirstWait; reserve.IsShort(); wait = wait * 2 < LongestWait ? wait * 2 : LongestWait)
                {
                    await Task.Delay(wait, _unbound.Token);
                }
            }
            catch (OperationCanceledException)
            {
                // Accepting stops for good: the listener says so.
            }
        }
    }

    // Clients can cause it: not a line for each of them.
    private void Log(EndPoint endPoint)
    {
        long now = Environment.TickCount64;
        long mayLogAt = Volatile.Read(ref _mayLogAt);
        if (now >= mayLogAt && Interlocked.CompareExchange(ref _mayLogAt, now + (long)LogInterval.TotalMilliseconds, mayLogAt) == mayLogAt)
        {
            logger.LogWarning("{EndPoint} accepts no more for now: few file descriptors are left (RLIMIT_NOFILE)", endPoint);
        }
    }
}
