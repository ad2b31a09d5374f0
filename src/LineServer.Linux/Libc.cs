using System.Runtime.InteropServices;

namespace LineServer.Linux;

/// <summary>
/// The C library, glibc or musl. Declarations are blittable and without SetLastError, which would cost two
/// more calls each on the hot path. A caller that sees −1 reads errno at once (Marshal.GetLastSystemError);
/// the runtime preserves it across the return from native code.
/// </summary>
internal static unsafe partial class Libc
{
    // <bits/socket.h>, <bits/fcntl.h>, <bits/eventfd.h>, <sys/epoll.h>; the same on x64 and arm64.
    public const int NoSignal = 0x4000;
    public const int NonBlocking = 0x800;
    public const int CloseOnExec = 0x80000;
    public const int AddressFamilyUnix = 1;
    public const int AddressFamilyInet = 2;
    public const int AddressFamilyInet6 = 10;
    public const int SocketStream = 1;
    public const int ShutdownWrite = 1;
    public const int ShutdownBoth = 2;
    public const int LevelSocket = 1;
    public const int OptionError = 4;
    public const int LevelTcp = 6;
    public const int TcpUserTimeout = 18; // <linux/tcp.h>; .NET has no name for it
    public const int EpollAdd = 1;
    public const int EpollDelete = 2;
    public const int ResourceOpenFiles = 7;

    [DllImport("libc", EntryPoint = "recv")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern nint Receive(int socket, byte* buffer, nint length, int flags);

    [DllImport("libc", EntryPoint = "send")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern nint Send(int socket, byte* buffer, nint length, int flags);

    [DllImport("libc", EntryPoint = "sendmsg")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern nint SendMessage(int socket, MessageHeader* message, int flags);

    [DllImport("libc", EntryPoint = "accept4")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Accept(int socket, byte* address, int* addressLength, int flags);

    [DllImport("libc", EntryPoint = "epoll_create1")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int EpollCreate(int flags);

    [DllImport("libc", EntryPoint = "epoll_ctl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int EpollControl(int epoll, int operation, int descriptor, byte* @event);

    [DllImport("libc", EntryPoint = "epoll_wait")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int EpollWait(int epoll, byte* events, int maxEvents, int timeoutMilliseconds);

    [DllImport("libc", EntryPoint = "eventfd")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int EventDescriptor(uint initial, int flags);

    [DllImport("libc", EntryPoint = "read")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern nint Read(int descriptor, byte* buffer, nint length);

    [DllImport("libc", EntryPoint = "write")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern nint Write(int descriptor, byte* buffer, nint length);

    [DllImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Close(int descriptor);

    [DllImport("libc", EntryPoint = "shutdown")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Shutdown(int socket, int how);

    [DllImport("libc", EntryPoint = "socket")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Socket(int family, int type, int protocol);

    [DllImport("libc", EntryPoint = "connect")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Connect(int socket, byte* address, int addressLength);

    [DllImport("libc", EntryPoint = "getsockname")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int GetSocketName(int socket, byte* address, int* addressLength);

    [DllImport("libc", EntryPoint = "getsockopt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int GetSocketOption(int socket, int level, int name, int* value, int* length);

    [DllImport("libc", EntryPoint = "setsockopt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int SetSocketOption(int socket, int level, int name, int* value, int length);

    [DllImport("libc", EntryPoint = "gettid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int GetThreadId();

    [DllImport("libc", EntryPoint = "getrlimit")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int GetLimit(int resource, ulong* currentAndMost);

    // <fcntl.h>, <sys/file.h>, <poll.h>, <sys/stat.h>; the same on x64 and arm64.
    public const int ReadWrite = 2;
    public const int Create = 0x40;
    public const int GetDescriptorFlags = 1; // F_GETFD
    public const int DescriptorClosesOnExec = 1; // FD_CLOEXEC
    public const int LockExclusive = 2;
    public const int LockWithoutWaiting = 4;
    public const short PollOut = 4;
    public const int OptionType = 3; // SO_TYPE

    /// <summary>
    /// open(2) for reading and writing. Creates a missing file; does not follow a symbolic link. Returns
    /// −errno on failure.
    /// </summary>
    public static int OpenOrCreate(string path, int mode)
    {
        int descriptor = OpenWithMode(path, ReadWrite | Create | CloseOnExec | NonBlocking | NoFollow, mode);
        return descriptor >= 0 ? descriptor : -Marshal.GetLastPInvokeError();
    }

    /// <summary>open(2) of a directory, to sync it. Returns −errno on failure.</summary>
    public static int OpenDirectory(string path)
    {
        int descriptor = OpenWithMode(path, CloseOnExec, 0);
        return descriptor >= 0 ? descriptor : -Marshal.GetLastPInvokeError();
    }

    // O_NOFOLLOW is one of the few flags that differ between architectures.
    private static int NoFollow => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x8000 : 0x20000;

    /// <summary>chown(2) of a path, group only. Returns 0, or −errno.</summary>
    public static int ChangeGroup(string path, uint group) =>
        ChangeOwner(path, uint.MaxValue, group) == 0 ? 0 : -Marshal.GetLastPInvokeError();

    [DllImport("libc", EntryPoint = "bind")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Bind(int socket, byte* address, int addressLength);

    [DllImport("libc", EntryPoint = "flock")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Lock(int descriptor, int operation);

    [DllImport("libc", EntryPoint = "fsync")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Sync(int descriptor);

    [DllImport("libc", EntryPoint = "fdatasync")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int SyncData(int descriptor);

    [DllImport("libc", EntryPoint = "sync_file_range")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int SyncRange(int descriptor, long offset, long length, uint flags);

    [DllImport("libc", EntryPoint = "poll")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Poll(PollDescriptor* descriptors, nuint count, int timeoutMilliseconds);

    [DllImport("libc", EntryPoint = "fcntl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int DescriptorControl(int descriptor, int command);

    [DllImport("libc", EntryPoint = "isatty")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int IsTerminal(int descriptor);

    [DllImport("libc", EntryPoint = "statx")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Status(int directory, byte* path, int flags, uint mask, byte* status);

    [DllImport("libc", EntryPoint = "getgrnam_r")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int GetGroup(byte* name, byte* group, byte* buffer, nuint length, byte** result);

    /// <summary>Ends the process at once: no finalizer, no exit handler, nothing that could wait.</summary>
    [DllImport("libc", EntryPoint = "_exit")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern void Exit(int status);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int OpenWithMode(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ChangeOwner(string path, uint user, uint group);
}
