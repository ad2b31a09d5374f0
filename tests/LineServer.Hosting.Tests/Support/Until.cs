namespace LineServer.Hosting.Tests.Support;

/// <summary>A bound on every wait: what should have happened and did not is a failure, not a test that hangs.</summary>
internal static class Until
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(10);

    public static Task InTime(this Task task) => task.WaitAsync(Bound);

    public static Task<T> InTime<T>(this Task<T> task) => task.WaitAsync(Bound);

    /// <summary>For what nothing announces: spins until it is so.</summary>
    public static void True(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, Bound));
}
