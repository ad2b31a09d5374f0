// The runtime runs this in the daemon before Main (DOTNET_STARTUP_HOOKS). It requires this name, without a
// namespace.
#pragma warning disable CA1050, MA0047, RCS1110
internal static class StartupHook
#pragma warning restore CA1050, MA0047, RCS1110
{
    public const string Variable = "LINESERVER_TESTS_THROW_AFTER";

    /// <summary>A thread that throws once somebody opens the FIFO for writing.</summary>
    public static void Initialize()
    {
        string fifo = Environment.GetEnvironmentVariable(Variable)!;
        new Thread(() =>
        {
            using (File.OpenRead(fifo))
            {
            }

            throw new InvalidOperationException("thrown on purpose");
        })
        { IsBackground = true }.Start();
    }
}
