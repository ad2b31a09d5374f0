using LineServer.Perf.Load;

namespace LineServer.Perf.Work;

/// <summary>Repeats work until it gets no cheaper.</summary>
internal static class SteadyCost
{
    /// <summary>The smallest number of times.</summary>
    public const int Least = 6;

    /// <summary>The largest number of times.</summary>
    public const int Most = 24;

    private const int InVain = 4;
    private const double Improvement = 0.95;

    /// <summary>
    /// Repeats the work 6 to 24 times, until 4 times in a row were not 5 % cheaper than the cheapest before.
    /// The cheapest counts because disturbances only make work more expensive.
    /// </summary>
    /// <param name="work">Does the work and returns its cost; null if that is not known.</param>
    public static void Await(Func<double?> work)
    {
        double best = double.PositiveInfinity;
        for (int times = 0, inVain = 0;
            (times < Least || (inVain < InVain && times < Most)) && !Interruption.IsRequested;
            times++)
        {
            double cost = work() ?? double.PositiveInfinity;
            inVain = cost < best * Improvement ? 0 : inVain + 1;
            best = Math.Min(best, cost);
        }
    }
}
