using System.ComponentModel;
using System.Runtime.InteropServices;

namespace LineServer.Tests.Support;

/// <summary>Sends signals by kill(2), because .NET can send only SIGKILL.</summary>
internal static partial class Signal
{
    public const int Hangup = 1;
    public const int Interrupt = 2;
    public const int User1 = 10;
    public const int User2 = 12;
    public const int Terminate = 15;
    public const int Killed = 9;
    public const int Continue = 18;
    public const int Stop = 19;

    public static void Send(int processId, int signal)
    {
        if (Kill(processId, signal) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Kill(int processId, int signal);
}
