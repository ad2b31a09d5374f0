using LineServer.Client.Streams;

namespace LineServer.Client.Tests.Streams;

public class StreamMarksTests
{
    private readonly StreamMarks _marks = new();

    [Fact]
    public void The_last_mark_that_is_covered_is_the_oldest_one_kept()
    {
        Add(10, 20, 30);

        Assert.Equal(0, _marks.Acknowledge(9).Lines);
        Assert.Equal(10, _marks.Acknowledge(10).Lines);
        Assert.Equal(20, _marks.Acknowledge(29).Lines);
        Assert.Equal(30, _marks.Acknowledge(1000).Lines);
        Add(40);
        Assert.Equal(30, _marks.Oldest.Lines);
        Assert.Equal(40, _marks.Acknowledge(40).Lines);
    }

    [Fact]
    public void The_newest_is_known_however_many_are_outstanding()
    {
        Add([.. Enumerable.Range(1, 100_000)]);

        Assert.Equal(500, _marks.Acknowledge(500).Lines);
        Assert.InRange(_marks.Acknowledge(99_999).Lines, 1000, 99_999);
        Assert.Equal(100_000, _marks.Acknowledge(100_000).Lines);
    }

    [Fact]
    public void After_a_reset_only_its_mark_is_known()
    {
        Add(10, 20);
        _marks.Reset(new(15, 150, 1));
        Assert.Equal(new StreamMark(15, 150, 1), _marks.Acknowledge(1000));
    }

    private void Add(params int[] lines) => Array.ForEach(lines, count => _marks.Add(new(count, count * 10, 0)));
}
