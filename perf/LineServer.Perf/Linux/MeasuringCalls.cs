using System.Runtime.InteropServices;

namespace LineServer.Perf.Linux;

/// <summary>
/// The calls into the C library that only a load generator needs: clocks, cores, scheduling, other processes.
/// The rest is in LineServer.Linux. All are blittable and without SetLastError: a caller that gets −1 must
/// read errno at once (<see cref="Marshal.GetLastSystemError"/>).
/// </summary>
internal static unsafe class MeasuringCalls
{
    // <bits/in.h>, <netinet/tcp.h>, <fcntl.h>, <time.h>, <linux/sched.h>, <sys/prctl.h>, <bits/signum.h>; the
    // same on x64 and arm64.
    public const int LevelIp = 0;
    public const int BindAddressNoPort = 24;
    public const int TcpNoDelay = 1;
    public const int SetFlags = 4;
    public const int ProcessCpuClock = 2;
    public const int ThreadCpuClock = 3;
    public const int SchedulingIdle = 5;
    public const int SetParentDeathSignal = 1;
    public const int SetTimerSlack = 29;
    public const int SignalInterrupt = 2;
    public const int SignalKill = 9;
    public const int SignalTerminate = 15;
    public const int SignalContinue = 18;
    public const int SignalStop = 19;

    /// <summary>
    /// epoll_pwait2(2), whose timeout is in nanoseconds. Its number is the same on every architecture.
    /// </summary>
    public const nint EpollPwait2 = 441;

    [DllImport("libc", EntryPoint = "fcntl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int FileControl(int descriptor, int command, nint value);

    [DllImport("libc", EntryPoint = "syscall")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern nint SystemCall(
        nint number, nint epoll, byte* events, nint maxEvents, TimeSpec* timeout, nint mask, nint maskSize);

    [DllImport("libc", EntryPoint = "clock_gettime")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int GetClock(int clock, TimeSpec* time);

    [DllImport("libc", EntryPoint = "sched_setaffinity")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int SetAffinity(int thread, nint size, byte* mask);

    [DllImport("libc", EntryPoint = "sched_getaffinity")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int GetAffinity(int thread, nint size, byte* mask);

    [DllImport("libc", EntryPoint = "sched_setscheduler")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int SetScheduler(int thread, int policy, int* parameters);

    [DllImport("libc", EntryPoint = "prctl")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int ControlProcess(int option, nint argument2, nint argument3, nint argument4, nint argument5);

    [DllImport("libc", EntryPoint = "syncfs")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int SyncFileSystem(int descriptor);

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    public static extern int Kill(int process, int signal);
}
