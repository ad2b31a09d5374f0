using System.Runtime.CompilerServices;

namespace LineServer.Transports.Tests.Support;

/// <summary>A bound on every wait. What should have happened and did not is a failure that says what was waited for, not a test that hangs.</summary>
internal static class Bounded
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(Scale.IsFull ? 120 : 20);

    public static async Task InTime(this Task task, [CallerArgumentExpression(nameof(task))] string what = "", [CallerMemberName] string where = "", [CallerLineNumber] int line = 0)
    {
        if (task != await Task.WhenAny(task, Task.Delay(Bound)))
        {
            throw Late(what, where, line);
        }

        await task;
    }

    public static async Task<T> InTime<T>(this Task<T> task, [CallerArgumentExpression(nameof(task))] string what = "", [CallerMemberName] string where = "", [CallerLineNumber] int line = 0)
    {
        await ((Task)task).InTime(what, where, line);
        return await task;
    }

    public static async Task<T> InTime<T>(this ValueTask<T> task, [CallerArgumentExpression(nameof(task))] string what = "", [CallerMemberName] string where = "", [CallerLineNumber] int line = 0) =>
        task.IsCompleted ? await task : await task.AsTask().InTime(what, where, line);

    public static Task InTime(this ValueTask task, [CallerArgumentExpression(nameof(task))] string what = "", [CallerMemberName] string where = "", [CallerLineNumber] int line = 0) =>
        task.AsTask().InTime(what, where, line);

    /// <summary>For what nothing announces: asks again and again until it is so.</summary>
    public static async Task UntilTrue(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string what = "", [CallerMemberName] string where = "", [CallerLineNumber] int line = 0)
    {
        long deadline = Environment.TickCount64 + (long)Bound.TotalMilliseconds;
        while (!condition())
        {
            if (Environment.TickCount64 > deadline)
            {
                throw Late(what, where, line);
            }

            await Task.Yield();
        }
    }

    private static TimeoutException Late(string what, string where, int line) =>
        new($"Not within {Bound.TotalSeconds} s: {what} (awaited in {where}, line {line}).");
}
