using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <summary>Repeats work until it gets no cheaper.</summary>
internal static class SteadyCost
{
    /// <summary>The least number of times.</summary>
    public const int Least = 6;

    /// <summary>The largest.</summary>
    public const int Most = 24;

    private const int InVain = 4;
    private const double Improvement = 0.95;

    /// <summary>
    /// Repeats it at least 6 times, at most 24 times, and until 4 times in a row were not 5 % cheaper than the cheapest before. The cheapest: what disturbs the
    /// machine makes work dearer, never cheaper.
    /// </summary>
    /// <param name="work">Gives its cost; null where that is not known.</param>
    public static void Await(Func<double?> work)
    {
        double best = double.PositiveInfinity;
        for (int times = 0, inVain = 0; (times < Least || (inVain < InVain && times < Most)) && !Interruption.IsRequested; times++)
        {
            double cost = work() ?? double.PositiveInfinity;
            inVain = cost < best * Improvement ? 0 : inVain + 1;
            best = Math.Min(best, cost);
        }
    }
}
