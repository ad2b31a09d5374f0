using System.Threading.Tasks.Sources;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>A wait may end just as somebody looks whether it has.</summary>
public sealed class PipeWaitTests : IWaitScheduler, IThreadPoolWorkItem
{
    private const int Rounds = 20_000;

    private PipeWait _wait;
    private volatile bool _isLate;

    bool IWaitScheduler.RunsInline => true;

    [Fact]
    public async Task The_end_of_a_wait_never_touches_the_next_one()
    {
        using var begun = new Barrier(2);
        Task ending = OnThreadOfItsOwn(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                begun.SignalAndWait();
                Assert.True(_wait.TryTake());
                _wait.End();
            }
        });
        int early = 0;
        await OnThreadOfItsOwn(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                short version = Begin();
                begun.SignalAndWait();
                SpinWait.SpinUntil(() => _wait.GetStatus(version) == ValueTaskSourceStatus.Succeeded);
                _wait.GetResult(version);
                // The next wait, as a read begins it; the end of the last may not have returned yet.
                version = Begin();
                OnCompleted(() => Interlocked.Increment(ref early), version);
                Assert.False(_isLate, "A wait that has just begun has ended.");
                Assert.True(_wait.TryTake());
                _wait.End();
                _wait.GetResult(version);
            }
        }).InTime();
        await ending.InTime();
        Assert.Equal(Rounds, Volatile.Read(ref early));
    }

    [Fact]
    public async Task Whoever_awaits_a_wait_that_ends_is_run_once_now_or_late()
    {
        using var begun = new Barrier(2);
        Task ending = OnThreadOfItsOwn(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                begun.SignalAndWait();
                Assert.True(_wait.TryTake());
                _wait.End();
            }
        });
        int run = 0;
        await OnThreadOfItsOwn(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                short version = Begin();
                begun.SignalAndWait();
                OnCompleted(() => Interlocked.Increment(ref run), version);
                if (_isLate)
                {
                    _isLate = false;
                    Assert.True(_wait.TryRunLate());
                    Assert.False(_wait.TryRunLate());
                }

                int expected = i + 1;
                SpinWait.SpinUntil(() => Volatile.Read(ref run) >= expected);
                _wait.GetResult(version);
            }
        }).InTime();
        await ending.InTime();
        Assert.Equal(Rounds, Volatile.Read(ref run));
    }

    [Fact]
    public void A_wait_is_taken_by_one_and_can_be_taken_again_when_it_was_put_back()
    {
        _wait.Begin();
        Assert.False(_wait.TryTake()); // its consumer looks for a result
        _wait.PutBack();
        int run = 0;
        OnCompleted(() => run++, _wait.Version);
        Assert.True(_wait.TryTake());
        Assert.False(_wait.TryTake());
        _wait.PutBack();
        Assert.Equal(ValueTaskSourceStatus.Pending, _wait.GetStatus(_wait.Version));
        Assert.True(_wait.TryTake());
        _wait.End();
        Assert.Equal(1, run);
        _wait.GetResult(_wait.Version);
        Assert.True(_wait.IsIdle);
        Assert.False(_wait.TryTake());
    }

    [Fact]
    public void A_wait_that_its_consumer_withdraws_leaves_nothing()
    {
        _wait.Begin();
        _ = _wait.Withdraw();
        Assert.True(_wait.IsIdle);
        Assert.False(_wait.TryTake());
    }

    void IWaitScheduler.Post() => _isLate = true;

    void IThreadPoolWorkItem.Execute() => throw new InvalidOperationException("Inline, nothing is queued.");

    private short Begin()
    {
        _wait.Begin();
        _wait.PutBack();
        return _wait.Version;
    }

    private void OnCompleted(Action run, short version) =>
        _wait.OnCompleted(_ => run(), null, version, ValueTaskSourceOnCompletedFlags.None, this, this);

    // Two that wait for each other would take the thread pool's from everybody.
    private static Task OnThreadOfItsOwn(Action work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
