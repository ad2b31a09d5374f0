using System.Diagnostics;

namespace LineServer.Client.Tests;

public sealed class SendTimesTests
{
    private readonly LatencyHistogram _latencies = new();

    [Fact]
    public void Replies_are_timed_from_the_send_of_their_line()
    {
        var times = new SendTimes(_latencies, repliesPerLine: 1, schedule: null);
        times.Sending(lines: 2, timestamp: Milliseconds(0));
        times.Sending(lines: 0, timestamp: Milliseconds(5));
        times.Sending(lines: 1, timestamp: Milliseconds(10));

        times.Received(replies: 3, timestamp: Milliseconds(110));

        Assert.Equal(3, _latencies.Count);
        Assert.InRange(_latencies.Percentile(1), 100_000_000, 101_000_000);
        Assert.Equal(110_000_000, _latencies.Max);
    }

    [Fact]
    public void Each_of_several_replies_to_a_line_is_timed()
    {
        var times = new SendTimes(_latencies, repliesPerLine: 2, schedule: null);
        times.Sending(lines: 1, timestamp: 0);
        times.Sending(lines: 1, timestamp: Milliseconds(50));

        times.Received(replies: 1, timestamp: Milliseconds(10));
        times.Received(replies: 4, timestamp: Milliseconds(60));

        Assert.Equal(4, _latencies.Count);
        Assert.InRange(_latencies.Percentile(75), 10_000_000, 10_100_000);
        Assert.Equal(60_000_000, _latencies.Max);
    }

    [Fact]
    public void Replies_that_nobody_asked_for_are_not_timed()
    {
        var times = new SendTimes(_latencies, repliesPerLine: 1, schedule: null);
        times.Sending(lines: 1, timestamp: 0);

        times.Received(replies: 5, timestamp: 1);

        Assert.Equal(1, _latencies.Count);
    }

    [Fact]
    public void Beyond_what_is_remembered_times_are_too_long_never_too_short()
    {
        var times = new SendTimes(_latencies, repliesPerLine: 1, schedule: null);
        for (int line = 0; line < 10_000; line++)
        {
            times.Sending(lines: 1, timestamp: Milliseconds(line));
        }

        times.Received(replies: 10_000, timestamp: Milliseconds(10_000));

        Assert.Equal(10_000, _latencies.Count);
        Assert.InRange(_latencies.Percentile(0.01), 1_000_000, 6_000_000_000);
        Assert.Equal(10_000_000_000, _latencies.Max);
    }

    [Fact]
    public void Under_a_schedule_a_line_counts_from_when_it_was_due()
    {
        var times = new SendTimes(
            _latencies, repliesPerLine: 1, new SendSchedule(10, connections: 1, turn: 0, start: 0));
        times.Sending(lines: 2, timestamp: Milliseconds(500));

        times.Received(replies: 2, timestamp: Milliseconds(510));

        Assert.InRange(_latencies.Percentile(50), 410_000_000, 414_000_000);
        Assert.Equal(510_000_000, _latencies.Max);
    }

    private static long Milliseconds(long count) => count * Stopwatch.Frequency / 1000;
}
