namespace LineServer.Client.Tests;

public sealed class SendGateTests
{
    [Fact]
    public async Task It_lets_as_many_lines_through_as_the_window_has_room()
    {
        var gate = new SendGate(maxLines: 5, maxBytes: long.MaxValue);
        Assert.Equal(5, await gate.WaitAsync());
        gate.Sending(lines: 3, bytes: 30);
        Assert.Equal(2, await gate.WaitAsync());
    }

    [Fact]
    public async Task A_full_window_opens_with_the_next_answer()
    {
        var gate = new SendGate(maxLines: 2, maxBytes: long.MaxValue);
        gate.Sending(lines: 2, bytes: 20);
        ValueTask<long> waiting = gate.WaitAsync();
        Assert.False(waiting.IsCompleted);

        gate.Received(answeredLines: 0, bytes: 5);
        Assert.False(waiting.IsCompleted);

        gate.Received(answeredLines: 1, bytes: 5);
        Assert.Equal(1, await waiting);
    }

    [Fact]
    public async Task Many_unanswered_bytes_shut_it_only_while_a_whole_line_is_among_them()
    {
        var gate = new SendGate(maxLines: long.MaxValue, maxBytes: 100);
        gate.Sending(lines: 0, bytes: 5000);
        Assert.NotEqual(0, await gate.WaitAsync());

        gate.Sending(lines: 1, bytes: 1);
        ValueTask<long> waiting = gate.WaitAsync();
        Assert.False(waiting.IsCompleted);

        gate.Received(answeredLines: 0, bytes: 4950);
        Assert.NotEqual(0, await waiting);
    }

    [Fact]
    public async Task The_end_opens_it_for_who_waits_and_for_who_comes()
    {
        var gate = new SendGate(maxLines: 1, maxBytes: long.MaxValue);
        gate.Sending(lines: 1, bytes: 1);
        ValueTask<long> waiting = gate.WaitAsync();

        gate.End();

        Assert.NotEqual(0, await waiting);
        Assert.NotEqual(0, await gate.WaitAsync());
    }
}
