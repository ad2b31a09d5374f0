using LineServer.Perf.Linux;
using LineServer.Perf.Load;

namespace LineServer.Perf.Tests;

public class OpenLoopTests
{
    private const int Connections = 4;
    private const int LineSize = 32;
    private const double Rate = 1000;
    private const long Pause = 300_000_000;

    [Fact]
    public void A_pause_of_the_server_is_seen_by_all_lines_that_were_due_and_by_few_that_were_sent()
    {
        using var gate = new ManualResetEventSlim(initialState: true);
        using var server = new EchoServer((_, line) =>
        {
            gate.Wait();
            return [line];
        });
        using var connections = new ConnectionSet(server.Address, Connections, LineSizes.Same(LineSize), TimeSpan.FromSeconds(10));
        connections.Open();
        var loop = new OpenLoop(connections, window: 1, Rate);

        gate.Reset();
        loop.Run(Clock.Now + Pause);
        Assert.Equal(0, loop.FromDue.Count);
        gate.Set();
        loop.Finish();

        // Line k is due at k intervals: 0 is due at once, and this one just before the end. A generator that is held up
        // makes fewer.
        long due = (long)(Pause * Rate / 1e9);
        Assert.InRange(loop.FromDue.Count, Connections, due + 1);
        Assert.Equal(loop.FromDue.Count, loop.FromSent.Count);

        // Before the pause ended, only the lines in flight were sent; half of the others had been due for half of it.
        Assert.True(loop.FromSent.Max >= Pause / 2, $"the first line waited {loop.FromSent.Max} ns");
        Assert.True(loop.FromDue.Max >= loop.FromSent.Max, $"the longest from due {loop.FromDue.Max} ns, from sent {loop.FromSent.Max} ns");
        Assert.True(loop.FromSent.Percentile(50) <= loop.FromDue.Percentile(50), $"median from sent {loop.FromSent.Percentile(50)} ns");
        Assert.InRange(loop.LateLines, 0, loop.FromDue.Count);
    }

    [Fact]
    public void With_a_window_lines_leave_on_time_though_no_reply_comes()
    {
        using var gate = new ManualResetEventSlim(initialState: true);
        using var server = new EchoServer((_, line) =>
        {
            gate.Wait();
            return [line];
        });
        using var connections = new ConnectionSet(server.Address, Connections, LineSizes.Same(LineSize), TimeSpan.FromSeconds(10));
        connections.Open();
        var loop = new OpenLoop(connections, window: 1000, Rate);

        gate.Reset();
        loop.Run(Clock.Now + Pause);
        long sent = Enumerable.Range(0, Connections).Sum(i => (connections[i].SentBytes / LineSize) - 1);
        long due = (long)(Pause * Rate / 1e9);
        Assert.InRange(sent, Connections + 1, due + 1);
        gate.Set();
        loop.Finish();
        Assert.Equal(sent, loop.FromSent.Count);
        Assert.True(loop.FromSent.Max >= Pause / 4, $"the first line waited {loop.FromSent.Max} ns");
    }
}
