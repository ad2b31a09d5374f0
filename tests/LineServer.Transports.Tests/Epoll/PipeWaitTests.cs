using System.Threading.Tasks.Sources;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>A wait may end just as somebody looks whether it has.</summary>
public class PipeWaitTests
{
    private PipeWait _wait;

    [Fact]
    public async Task The_end_of_a_wait_never_touches_the_next_one()
    {
        const int Rounds = 20_000;
        using var begun = new Barrier(2);
        Task ending = OnThreadOfItsOwn(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                begun.SignalAndWait();
                _wait.End();
            }
        });
        int early = 0;
        await OnThreadOfItsOwn(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                _wait.Reset();
                short version = _wait.Version;
                begun.SignalAndWait();
                SpinWait.SpinUntil(() => _wait.GetStatus(version) == ValueTaskSourceStatus.Succeeded);
                _wait.GetResult(version);
                // The next wait, as a read begins it; the end of the last may not have returned yet.
                _wait.Reset();
                version = _wait.Version;
                bool isPending = _wait.OnCompleted(_ => Interlocked.Increment(ref early), null, version, ValueTaskSourceOnCompletedFlags.None);
                Assert.True(isPending, "A wait that has just begun has ended.");
            }
        }).InTime();
        await ending.InTime();
        Assert.Equal(0, Volatile.Read(ref early));
    }

    [Fact]
    public async Task Whoever_awaits_a_wait_that_ends_is_run_once_now_or_late()
    {
        const int Rounds = 20_000;
        using var begun = new Barrier(2);
        Task ending = OnThreadOfItsOwn(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                begun.SignalAndWait();
                _wait.End();
            }
        });
        int run = 0;
        await OnThreadOfItsOwn(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                _wait.Reset();
                short version = _wait.Version;
                begun.SignalAndWait();
                if (!_wait.OnCompleted(_ => Interlocked.Increment(ref run), null, version, ValueTaskSourceOnCompletedFlags.None))
                {
                    _wait.RunLate();
                }

                int expected = i + 1;
                SpinWait.SpinUntil(() => Volatile.Read(ref run) >= expected);
                _wait.GetResult(version);
            }
        }).InTime();
        await ending.InTime();
        Assert.Equal(Rounds, Volatile.Read(ref run));
    }

    // Two that wait for each other would take the thread pool's from everybody.
    private static Task OnThreadOfItsOwn(Action work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
