using LineServer.Storage.PostgreSql.Tests.Simulated;

namespace LineServer.Storage.PostgreSql.Tests;

/// <summary>No line that was acknowledged is lost, doubled or out of order, whatever the database does not answer.</summary>
public sealed class SimulatedEngineTests
{
    private const int SeedsPerCase = 500;

    /// <summary>A few thousand seeds in every run; 100,000 with LINESERVER_TESTS=full.</summary>
    public static TheoryData<int> FirstSeeds => [.. Enumerable.Range(0, IsFull ? 200 : 6).Select(i => i * SeedsPerCase)];

    public static TheoryData<EngineSabotage> Sabotages => [.. Enum.GetValues<EngineSabotage>().Where(sabotage => sabotage != EngineSabotage.None)];

    private static bool IsFull => Environment.GetEnvironmentVariable("LINESERVER_TESTS") == "full";

    [Theory]
    [MemberData(nameof(FirstSeeds))]
    public void What_was_acknowledged_is_there_once_and_in_order(int first)
    {
        long acknowledged = 0;
        for (int seed = first; seed < first + SeedsPerCase; seed++)
        {
            var scenario = new EngineScenario(seed);
            Exception? failure = Record.Exception(scenario.Run);
            Assert.True(failure is null, $"seed {seed}: {failure}");
            acknowledged += scenario.Acknowledged;
        }

        Assert.True(acknowledged > SeedsPerCase * 100, "hardly anything was acknowledged: the scenarios test nothing");
    }

    [Theory]
    [MemberData(nameof(Sabotages))]
    public void Sabotage_is_caught(EngineSabotage sabotage)
    {
        for (int seed = 0; seed < 5_000; seed++)
        {
            if (Record.Exception(new EngineScenario(seed, sabotage).Run) is { } caught)
            {
                TestContext.Current.SendDiagnosticMessage($"{sabotage}: seed {seed}: {caught.Message}");
                return;
            }
        }

        Assert.Fail($"{sabotage} was not caught by any seed");
    }
}
