using LineServer.Hosting.Internal;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Hosting.Tests;

/// <summary>Where an endpoint's handlers run: on event loops, or on the thread pool.</summary>
public class SchedulingTests
{
    [Theory]
    [InlineData(HandlerScheduling.Auto, true, true)]
    [InlineData(HandlerScheduling.EventLoop, true, false)]
    [InlineData(HandlerScheduling.ThreadPool, false, true)]
    public void The_option_decides(HandlerScheduling scheduling, bool runsOnLoop, bool mayBlock)
    {
        LineEndpoint endpoint = Create(Source, scheduling);
        Assert.Equal(runsOnLoop, endpoint.RunsOnLoop);
        Assert.Equal(mayBlock, endpoint.MayBlock);
    }

    [Fact]
    public void An_automatic_endpoint_moves_to_the_thread_pool_once_when_it_has_blocked()
    {
        LineEndpoint endpoint = Create(Source, HandlerScheduling.Auto);
        Assert.True(endpoint.OnBlocked());
        Assert.False(endpoint.RunsOnLoop);
        Assert.False(endpoint.OnBlocked());
    }

    [Fact]
    public void A_handler_that_never_blocks_runs_on_its_loop_though_creating_the_first_has_blocked()
    {
        LineEndpoint endpoint = Create(Source, HandlerScheduling.Auto);
        Assert.True(endpoint.OnBlocked());
        endpoint.Pin();
        Assert.True(endpoint.RunsOnLoop);
    }

    [Theory]
    [InlineData(HandlerScheduling.EventLoop, false)]
    [InlineData(HandlerScheduling.Auto, true)]
    public void What_is_pinned_never_moves(HandlerScheduling scheduling, bool pins)
    {
        LineEndpoint endpoint = Create(Source, scheduling);
        if (pins)
        {
            endpoint.Pin();
        }

        Assert.False(endpoint.OnBlocked());
        Assert.True(endpoint.RunsOnLoop);
        Assert.False(endpoint.MayBlock);
    }

    [Fact]
    public void A_delegate_is_pinned()
    {
        LineEndpoint endpoint = Create(HandlerSource.Of((in _, _) => { }), HandlerScheduling.Auto);
        Assert.True(endpoint.RunsOnLoop);
        Assert.False(endpoint.MayBlock);
    }

    private static HandlerSource Source =>
        HandlerSource.Of(_ => throw new InvalidOperationException("not made"), new ServiceCollection().BuildServiceProvider());

    private static LineEndpoint Create(HandlerSource handlers, HandlerScheduling scheduling)
    {
        var options = new LineOptions { Name = "starting", Scheduling = scheduling };
        var time = new ManualTimeProvider();
        return new LineEndpoint(options, handlers, new LineMetrics(null, options.Name), time, new EndpointLog(options.Name, new ListLogger(), time));
    }
}
