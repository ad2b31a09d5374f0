using LineServer.Hosting.Internal;
using LineServer.Hosting.Tests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Hosting.Tests;

/// <summary>Where an endpoint's connections start: on their event loop, or on the thread pool.</summary>
public class InlineStartTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_first_handler_decides_for_good(bool neverBlocks)
    {
        LineEndpoint endpoint = Create(HandlerSource.Of(_ => throw new InvalidOperationException("not made"), new ServiceCollection().BuildServiceProvider()));
        Assert.False(endpoint.StartsInline);
        endpoint.DecideStart(neverBlocks);
        endpoint.DecideStart(!neverBlocks);
        Assert.Equal(neverBlocks, endpoint.StartsInline);
    }

    [Fact]
    public void A_delegate_starts_inline_from_its_first_connection()
    {
        LineEndpoint endpoint = Create(HandlerSource.Of((in _, _) => { }));
        Assert.True(endpoint.StartsInline);
    }

    private static LineEndpoint Create(HandlerSource handlers)
    {
        var options = new LineOptions { Name = "starting" };
        var time = new ManualTimeProvider();
        return new LineEndpoint(options, handlers, new LineMetrics(null, options.Name), time, new EndpointLog(options.Name, new ListLogger(), time));
    }
}
