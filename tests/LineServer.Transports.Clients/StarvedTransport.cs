using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using LineServer.Transports.Epoll;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace LineServer.Transports.Clients;

/// <summary>The epoll transport where descriptors run out while its loops start: it fails, leaves nothing, and starts when there are enough.</summary>
internal static partial class StarvedTransport
{
    // RLIMIT_NOFILE of <asm-generic/resource.h>: x64 and arm64.
    private const int OpenFiles = 7;

    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(10);

    public static async Task RunAsync(EndPoint endPoint, int loops)
    {
        Check(GetLimit(OpenFiles, out Limit enough) == 0, "getrlimit");
        // Once with enough: what .NET loads and opens on the way, it has then.
        await using (EpollTransportFactory first = Create(loops))
        {
            await BindAndConnectAsync(first, endPoint);
        }

        await using EpollTransportFactory factory = Create(loops);
        UntilGone(int.MaxValue, "the first transport");
        HashSet<int> before = Descriptors();

        // One more each time: whatever comes last of what the loops need, it is missing once.
        int free = 1;
        while (await FailsAsync(async () => await (await factory.BindAsync(endPoint)).DisposeAsync(), free))
        {
            // Binding has a socket beside its loops; so they fail here too.
            bool isRefused = await FailsAsync(async () => await (await factory.ConnectAsync(endPoint)).DisposeAsync(), free - 1);
            Check(isRefused, $"connecting with {free - 1} descriptors succeeded");
            free++;
        }

        Check(free > 2 * loops, $"{loops} loops started with {free} descriptors");
        await BindAndConnectAsync(factory, endPoint);

        async Task<bool> FailsAsync(Func<Task> action, int left)
        {
            bool fails = false;
            Check(SetLimit(OpenFiles, enough with { Current = FirstBeyond(before, left) }) == 0, "setrlimit");
            try
            {
                await action();
            }
            catch (Exception e) when (e is IOException or SocketException)
            {
                fails = true;
            }

            Check(SetLimit(OpenFiles, enough) == 0, "setrlimit");
            if (fails)
            {
                UntilGone(before.Count, $"failing with {left} descriptors");
            }

            return fails;
        }
    }

    private static EpollTransportFactory Create(int loops) => new(Options.Create(new EpollTransportOptions { LoopCount = loops }), NullLoggerFactory.Instance);

    private static async Task BindAndConnectAsync(EpollTransportFactory factory, EndPoint endPoint)
    {
        await using IConnectionListener listener = await factory.BindAsync(endPoint);
        await using ConnectionContext client = await factory.ConnectAsync(listener.EndPoint);
        ConnectionContext? server = await listener.AcceptAsync();
        await server!.DisposeAsync();
    }

    /// <summary>The limit that leaves so many numbers free.</summary>
    private static ulong FirstBeyond(HashSet<int> open, int free)
    {
        int limit = 0;
        for (; free > 0; limit++)
        {
            free -= open.Contains(limit) ? 0 : 1;
        }

        return (ulong)limit;
    }

    // A thread that was joined is the kernel's for a moment longer. Nothing awaits here: the thread pool might start a thread when there is no descriptor for it.
    private static void UntilGone(int descriptors, string what)
    {
        long deadline = Environment.TickCount64 + (long)LongestEnd.TotalMilliseconds;
        while (Descriptors().Count > descriptors || Loops() > 0)
        {
            Check(Environment.TickCount64 < deadline, $"{what} left {Descriptors().Count - descriptors} descriptors and {Loops()} loops");
            Thread.Yield();
        }
    }

    private static int Loops() => Directory.GetDirectories("/proc/self/task").Count(thread => NameOf(thread).StartsWith("epoll-", StringComparison.Ordinal));

    private static string NameOf(string thread)
    {
        try
        {
            return File.ReadAllText(Path.Combine(thread, "comm"));
        }
        catch (IOException)
        {
            return ""; // gone since it was listed
        }
    }

    // Without the listing's own.
    private static HashSet<int> Descriptors() =>
        [.. new DirectoryInfo("/proc/self/fd").EnumerateFiles().Where(IsOpen).Select(file => int.Parse(file.Name))];

    private static bool IsOpen(FileInfo descriptor)
    {
        try
        {
            return descriptor.LinkTarget?.StartsWith("/proc/", StringComparison.Ordinal) == false;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static void Check(bool isSo, string what)
    {
        if (!isSo)
        {
            throw new InvalidOperationException(what);
        }
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetLimit(int resource, out Limit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetLimit(int resource, in Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private record struct Limit(ulong Current, ulong Most);
}
