using LineServer.Storage.Internal;

namespace LineServer.Storage.Tests;

/// <summary>Readers who wait for the next lines.</summary>
public sealed class FollowersTests
{
    [Fact]
    public void Names_that_readers_make_up_take_no_memory_that_stays()
    {
        var followers = new Followers();
        var tasks = new HashSet<Task>();
        for (int i = 0; i < 20_000; i++)
        {
            tasks.Add(followers.NextAsync($"made-up-{i}"));
        }

        Assert.InRange(tasks.Count, 100, 1024);
    }

    [Fact]
    public async Task Each_wait_ends_with_the_next_lines_of_its_stream()
    {
        var followers = new Followers();
        followers.Tell("s");
        Task first = followers.NextAsync("s");
        Task same = followers.NextAsync("s");
        Assert.False(first.IsCompleted);
        followers.Tell("s");
        await Task.WhenAll(first, same).WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.False(followers.NextAsync("s").IsCompleted);
    }
}
