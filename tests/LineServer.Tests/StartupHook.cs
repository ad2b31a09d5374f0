// The runtime runs this in the daemon before Main (DOTNET_STARTUP_HOOKS). It requires this name, without a
// namespace.
#pragma warning disable CA1050, MA0047, RCS1110
internal static class StartupHook
#pragma warning restore CA1050, MA0047, RCS1110
{
    public const string Variable = "LINESERVER_TESTS_THROW_AFTER";

    /// <summary>Starts a thread that throws once the file exists.</summary>
    public static void Initialize()
    {
        string file = Environment.GetEnvironmentVariable(Variable)!;
        new Thread(() =>
        {
            while (!File.Exists(file))
            {
                Thread.Sleep(10);
            }

            throw new InvalidOperationException("thrown on purpose");
        })
        { IsBackground = true }.Start();
    }
}
