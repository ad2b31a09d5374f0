using LineServer.Perf.Comparing;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests.Reporting;

public class RankingTests
{
    [Fact]
    public void A_ratio_is_taken_within_its_round()
    {
        // In the second round the machine was ten times slower, for both servers.
        Ranking ranking = Of(("a", 1, 100), ("b", 1, 200), ("b", 2, 2000), ("a", 2, 1000));
        Assert.Equal([2, 2], ranking.RatioOf("b", Lines)!.Rounds);
        Assert.Equal([1, 1], ranking.RatioOf("a", Lines)!.Rounds);
    }

    [Fact]
    public void How_often_the_sign_held_is_told_of_each_server_but_the_reference()
    {
        Ranking ranking = Of(("a", 1, 100), ("b", 1, 110), ("a", 2, 100), ("b", 2, 120), ("a", 3, 100), ("b", 3, 90));
        Assert.Equal("2/3", ranking.SignHeldFor("b", Lines));
        Assert.Null(ranking.SignHeldFor("a", Lines));
        Assert.Null(ranking.SignHeldFor("nobody", Lines));
    }

    [Fact]
    public void A_round_without_the_reference_has_no_ratio()
    {
        Ranking ranking = Of(("a", 1, 100), ("b", 1, 50), ("b", 2, 50));
        Assert.Equal([0.5], ranking.RatioOf("b", Lines)!.Rounds);
        Assert.Equal("1/1", ranking.SignHeldFor("b", Lines));
        Assert.Null(Of(("b", 1, 50)).RatioOf("b", Lines));
    }

    [Fact]
    public void Rounds_are_counted_by_what_holds_in_them()
    {
        Ranking ranking = Of(("a", 1, 100), ("a", 2, 200));
        Assert.Equal(1, ranking.Count("a", measured => measured.Lines > 100));
        Assert.Equal(0, ranking.Count("b", _ => true));
    }

    private static double? Lines(Measurement measured) => measured.LinesPerSecond;

    private static Ranking Of(params (string Server, int Number, long Lines)[] rounds) =>
        new([.. rounds.Select(round => new Round("work", round.Server, round.Number, new Measurement { Seconds = 1, GeneratorCpuSeconds = 0.1, Lines = round.Lines }))], reference: "a");
}
