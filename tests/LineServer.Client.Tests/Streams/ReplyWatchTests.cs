using LineServer.Client.Streams;

namespace LineServer.Client.Tests.Streams;

public sealed class ReplyWatchTests : IDisposable
{
    private readonly TestTime _time = new();
    private readonly ReplyWatch _watch;

    public ReplyWatchTests() => _watch = new(count: 100, new StreamTiming { Time = _time });

    public void Dispose() => _watch.Dispose();

    [Fact]
    public void Silence_is_allowed_while_nothing_is_outstanding()
    {
        Advance(1000);
        _watch.Begins(110);
        _watch.Acknowledged(110);
        Advance(1000);
        Assert.False(_watch.Lost.IsCancellationRequested);
    }

    [Fact]
    public void Twenty_seconds_of_silence_with_outstanding_lines_are_a_loss()
    {
        _watch.Begins(110);
        Advance(19.9);
        Assert.False(_watch.Lost.IsCancellationRequested);
        Advance(0.1);
        Assert.True(_watch.Lost.IsCancellationRequested);
    }

    [Fact]
    public void Sending_more_does_not_prolong_the_time()
    {
        _watch.Begins(110);
        Advance(19);
        _watch.Begins(120);
        Advance(1);
        Assert.True(_watch.Lost.IsCancellationRequested);
    }

    [Fact]
    public void Anything_that_is_heard_begins_the_time_anew()
    {
        _watch.Begins(110);
        Advance(19);
        _watch.Heard();
        Advance(19);
        Assert.False(_watch.Lost.IsCancellationRequested);
        Advance(1);
        Assert.True(_watch.Lost.IsCancellationRequested);
    }

    [Fact]
    public void The_time_begins_with_the_first_line_that_is_outstanding()
    {
        _watch.Begins(110);
        _watch.Acknowledged(110);
        Advance(100);
        _watch.Begins(111);
        Advance(19.9);
        Assert.False(_watch.Lost.IsCancellationRequested);
        Advance(0.1);
        Assert.True(_watch.Lost.IsCancellationRequested);
    }

    [Fact]
    public void BYE_is_waited_for_shortly_once_all_is_acknowledged()
    {
        _watch.Begins(110);
        _watch.Completed();
        Advance(10);
        Assert.False(_watch.IsAllAcknowledged);
        _watch.Acknowledged(110);
        Assert.True(_watch.IsAllAcknowledged);
        Advance(0.9);
        Assert.False(_watch.Lost.IsCancellationRequested);
        Advance(0.1);
        Assert.True(_watch.Lost.IsCancellationRequested);
    }

    private void Advance(double seconds) => _time.Advance(TimeSpan.FromSeconds(seconds));
}
