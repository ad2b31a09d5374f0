using System.Diagnostics;

namespace LineServer.Client.Tests;

public sealed class SendScheduleTests
{
    private static readonly long Second = Stopwatch.Frequency;

    [Fact]
    public void Lines_are_due_at_a_fixed_distance()
    {
        var schedule = new SendSchedule(linesPerSecond: 10, connections: 1, turn: 0, start: 1000);

        Assert.Equal(1000, schedule.DueAt(0));
        Assert.Equal(1000 + (Second / 2), schedule.DueAt(5));
        Assert.Equal(1, schedule.DueBy(1000));
        Assert.Equal(1, schedule.DueBy(1000 + (Second / 10) - 1));
        Assert.Equal(2, schedule.DueBy(1000 + (Second / 10)));
        Assert.Equal(101, schedule.DueBy(1000 + (10 * Second)));
    }

    [Fact]
    public void Connections_take_turns()
    {
        SendSchedule[] schedules =
        [
            .. Enumerable.Range(0, 3).Select(turn => new SendSchedule(30, connections: 3, turn, start: 0)),
        ];

        Assert.Equal(
            [0, Second / 30, Second * 2 / 30, Second * 3 / 30],
            [schedules[0].DueAt(0), schedules[1].DueAt(0), schedules[2].DueAt(0), schedules[0].DueAt(1)]);
        Assert.Equal([1, 0, 0], schedules.Select(schedule => schedule.DueBy(0)));
        Assert.Equal(31, schedules.Sum(schedule => schedule.DueBy(Second)));
    }

    [Fact]
    public void Nothing_is_due_before_the_start()
    {
        Assert.Equal(0, new SendSchedule(1000, connections: 1, turn: 0, start: 5000).DueBy(4999));
    }

    [Fact]
    public async Task Waiting_ends_when_the_connection_does()
    {
        using var over = new CancellationTokenSource();
        Task waiting = new SendSchedule(
            0.001, connections: 1, turn: 0, Stopwatch.GetTimestamp()).WaitForAsync(1, over.Token).AsTask();

        await over.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }
}
