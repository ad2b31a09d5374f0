using System.ComponentModel;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>
/// A listening socket is shut down from outside, as by `ss -K` or a process that shares it.
/// </summary>
public partial class LostListenerTests
{
    // From <asm/unistd.h>; the same on x64 and arm64.
    private const long PidfdOpen = 434;
    private const long PidfdGetfd = 438;

    [Fact]
    public async Task The_daemon_says_so_and_ends_with_status_1_so_that_systemd_restarts_it()
    {
        await using DaemonProcess daemon = DaemonProcess.Start("--listen", "tcp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0");
        var endPoint = (IPEndPoint)await daemon.EndPointAsync();
        using LineSocket client = await LineSocket.ConnectAsync(endPoint);
        await client.SendAsync("before\n");
        Assert.Equal("before", await client.ReadLineAsync());
        using (Socket shared = Share(daemon.Id, endPoint.Port))
        {
            shared.Shutdown(SocketShutdown.Both);
        }

        await daemon.Log.FirstAsync("accepts no more, though nobody asked it to stop");
        // A drain like any other: received lines are answered.
        Assert.Null(await client.ReadLineAsync());
        Assert.Equal(1, await daemon.StatusAsync());
    }

    private static Socket Share(int processId, int port)
    {
        string inode = File.ReadLines("/proc/net/tcp").Skip(1)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Single(fields => fields[3] == "0A" && fields[1].EndsWith($":{port:X4}", StringComparison.Ordinal))[9];
        string path = Directory.GetFiles($"/proc/{processId}/fd").First(path => new FileInfo(path).LinkTarget == $"socket:[{inode}]");
        int process = Checked(SystemCall(PidfdOpen, processId, 0, 0));
        int descriptor = Checked(SystemCall(PidfdGetfd, process, int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture), 0));
        using var closes = new SafeSocketHandle(process, ownsHandle: true);
        return new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
    }

    private static int Checked(long result) => result >= 0 ? (int)result : throw new Win32Exception(Marshal.GetLastPInvokeError());

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial long SystemCall(long number, long first, long second, long third);
}
