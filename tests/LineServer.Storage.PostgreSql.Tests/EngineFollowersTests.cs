using LineServer.Storage.PostgreSql.Internal;

namespace LineServer.Storage.PostgreSql.Tests;

public sealed class EngineFollowersTests
{
    private readonly ManualTime _time = new();
    private readonly EngineFollowers _followers;

    public EngineFollowersTests() => _followers = new EngineFollowers(_time);

    [Fact]
    public void A_look_tells_of_a_count_that_it_has_not_seen()
    {
        Task first = _followers.NextAsync("s");
        Assert.Equal(["s"], _followers.TakeStreams());
        _followers.Look("s", 5);
        Assert.True(first.IsCompleted, "nobody knows what was read before the first look");

        Task second = _followers.NextAsync("s");
        Assert.Equal(["s"], _followers.TakeStreams());
        _followers.Look("s", 5);
        Assert.False(second.IsCompleted, "nothing has come");
        _followers.Look("s", 6);
        Assert.True(second.IsCompleted, "a line has come");
        Assert.Empty(_followers.TakeStreams());
    }

    [Fact]
    public void Lines_of_this_server_are_told_at_once_to_all_who_follow_the_stream()
    {
        Task[] following = [_followers.NextAsync("s"), _followers.NextAsync("s")];
        Task other = _followers.NextAsync("t");
        _followers.Tell(["r", "s"]);
        Assert.All(following, each => Assert.True(each.IsCompleted));
        Assert.False(other.IsCompleted);
    }

    [Fact]
    public void Names_that_nobody_follows_any_more_are_forgotten()
    {
        Task[] left = [.. Enumerable.Range(0, 1000).Select(i => _followers.NextAsync($"s{i}"))];
        Assert.Equal(1000, _followers.TakeStreams().Length);
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.Empty(_followers.TakeStreams());
        Assert.All(left, each => Assert.True(each.IsCompleted, "whoever still waits asks again"));
    }

    private sealed class ManualTime : TimeProvider
    {
        private long _now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Advance(TimeSpan by) => _now += by.Ticks;
    }
}
