using System.ComponentModel;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace LineServer.Tests.Support;

/// <summary>A socket of another process, for a look at its options or to disturb it: pidfd_getfd(2).</summary>
internal static partial class SharedSocket
{
    // <asm/unistd.h>, the same on x64 and arm64.
    private const long PidfdOpen = 434;
    private const long PidfdGetfd = 438;

    /// <summary>The socket that listens on a port.</summary>
    public static Socket Listening(int processId, int port) => Find(processId, port, state: "0A");

    /// <summary>The one connection that was accepted on a port.</summary>
    public static Socket Accepted(int processId, int port) => Find(processId, port, state: "01");

    private static Socket Find(int processId, int port, string state)
    {
        string? inode = null;
        Assert.True(SpinWait.SpinUntil(() => (inode = FindInode(processId, port, state)) is not null, Guard.Timeout), $"no socket on port {port} in state {state}");
        string path = Directory.GetFiles($"/proc/{processId}/fd").First(path => new FileInfo(path).LinkTarget == $"socket:[{inode}]");
        int process = Checked(SystemCall(PidfdOpen, processId, 0, 0));
        using var closes = new SafeSocketHandle(process, ownsHandle: true);
        int descriptor = Checked(SystemCall(PidfdGetfd, process, int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture), 0));
        return new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
    }

    // The kernel lists sockets while others come and go, and may miss one or list it twice.
    private static string? FindInode(int processId, int port, string state)
    {
        string[] inodes = [.. File.ReadLines($"/proc/{processId}/net/tcp").Skip(1)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields[3] == state && fields[1].EndsWith($":{port:X4}", StringComparison.Ordinal))
            .Select(fields => fields[9])
            .Distinct(StringComparer.Ordinal)];
        return inodes.Length == 1 ? inodes[0] : null;
    }

    private static int Checked(long result) => result >= 0 ? (int)result : throw new Win32Exception(Marshal.GetLastPInvokeError());

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial long SystemCall(long number, long first, long second, long third);
}
