namespace LineServer.Storage.Tests;

/// <summary>No line that was acknowledged is lost, doubled or out of order, whatever fails when.</summary>
public sealed class SimulatedDiskTests
{
    private const int SeedsPerCase = 500;

    /// <summary>A few thousand seeds in every run; 100,000 with LINESERVER_TESTS=full.</summary>
    public static TheoryData<int> FirstSeeds => [.. Enumerable.Range(0, IsFull ? 200 : 6).Select(i => i * SeedsPerCase)];

    public static TheoryData<Sabotage> Sabotages => [.. Enum.GetValues<Sabotage>().Where(sabotage => sabotage != Sabotage.None)];

    private static bool IsFull => Environment.GetEnvironmentVariable("LINESERVER_TESTS") == "full";

    [Theory]
    [MemberData(nameof(FirstSeeds))]
    public void What_was_acknowledged_is_there_once_and_in_order(int first)
    {
        long acknowledged = 0;
        for (int seed = first; seed < first + SeedsPerCase; seed++)
        {
            var scenario = new Scenario(seed);
            Exception? failure = Record.Exception(scenario.Run);
            Assert.True(failure is null, $"seed {seed}: {failure}");
            acknowledged += scenario.Acknowledged;
        }

        Assert.True(acknowledged > SeedsPerCase * 10, "hardly anything was acknowledged: the scenarios test nothing");
    }

    [Theory]
    [MemberData(nameof(Sabotages))]
    public void Sabotage_is_caught(Sabotage sabotage)
    {
        for (int seed = 0; seed < 20_000; seed++)
        {
            if (Record.Exception(new Scenario(seed, sabotage).Run) is { } caught)
            {
                TestContext.Current.SendDiagnosticMessage($"{sabotage}: seed {seed}: {caught.Message}");
                return;
            }
        }

        Assert.Fail($"{sabotage} was not caught by any seed");
    }
}
