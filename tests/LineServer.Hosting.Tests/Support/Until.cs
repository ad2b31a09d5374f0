namespace LineServer.Hosting.Tests.Support;

/// <summary>
/// Bounds every wait, so that an event that does not happen is a failure and not a hanging test.
/// </summary>
internal static class Until
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    public static Task InTime(this Task task) => task.WaitAsync(Bound);

    public static Task<T> InTime<T>(this Task<T> task) => task.WaitAsync(Bound);

    /// <summary>For a condition that nothing announces: spins until it is true.</summary>
    public static void True(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, Bound));
}
