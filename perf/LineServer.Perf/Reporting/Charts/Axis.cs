namespace LineServer.Perf.Reporting.Charts;

/// <summary>Maps values to places from 0 to 1, and selects the ticks.</summary>
internal sealed class Axis
{
    /// <summary>The approximate width of a letter of a label, in units of a chart.</summary>
    public const double Letter = 6;

    private const int MostTicks = 5;

    // With a larger factor, the smallest bars would be too short to tell apart.
    private const double LinearUpTo = 20;

    private readonly double _min;
    private readonly double _max;

    private Axis(bool isLog, double min, double max, IReadOnlyList<(double Value, string Label)> ticks) =>
        (IsLog, _min, _max, Ticks) = (isLog, min, max, ticks);

    public bool IsLog { get; }

    public IReadOnlyList<(double Value, string Label)> Ticks { get; }

    /// <summary>
    /// True if the values lie too far apart for a linear axis. Values that are not positive do not count: a
    /// logarithmic axis has no place for them.
    /// </summary>
    public static bool NeedsLog(IEnumerable<double> values)
    {
        double[] positive = [.. values.Where(value => value > 0)];
        return positive.Length > 0 && positive.Max() / positive.Min() > LinearUpTo;
    }

    /// <summary>
    /// A linear axis from 0, or a logarithmic one if needed. On the latter, values that are not positive are
    /// at the lower end.
    /// </summary>
    public static Axis For(IReadOnlyCollection<double> values, Func<double, string> label) =>
        NeedsLog(values)
            ? Log(values.Where(value => value > 0).Min(), values.Max(), label)
            : Linear(values.Max(), label);

    /// <summary>A linear axis from 0 to a round number that is at least <paramref name="max"/>.</summary>
    public static Axis Linear(double max, Func<double, string> label)
    {
        double step = StepOf(max > 0 ? max : 1);
        double end = Math.Ceiling((max > 0 ? max : 1) / step) * step;
        return new(
            isLog: false, 0, end, [.. Steps(0, end, step).Select(value => (value, Quantity.Short(label(value))))]);
    }

    /// <summary>A logarithmic axis between two positive values, with some room beyond them.</summary>
    public static Axis Log(double min, double max, Func<double, string> label)
    {
        double room = Math.Max(1.02, Math.Pow(max / min, 0.04));
        (min, max) = (min / room, max * room);
        return new(
            isLog: true, min, max, [.. LogTicks(min, max).Select(value => (value, Quantity.Short(label(value))))]);
    }

    /// <summary>A logarithmic axis between two positive values, with given ticks.</summary>
    public static Axis Log(double min, double max, IReadOnlyList<(double Value, string Label)> ticks) =>
        new(isLog: true, min, max, ticks);

    /// <summary>The ticks whose labels fit beside each other.</summary>
    /// <param name="at">Maps a value to its place.</param>
    public IEnumerable<(double Place, string Label)> Named(Func<double, double> at)
    {
        double taken = double.NegativeInfinity;
        foreach ((double value, string label) in Ticks)
        {
            double place = at(value), half = label.Length * Letter / 2;
            if (place - half > taken)
            {
                taken = place + half;
                yield return (place, label);
            }
        }
    }

    public double At(double value) =>
        Math.Clamp(
            IsLog ? Math.Log(Math.Max(value, _min) / _min) / Math.Log(_max / _min) : (value - _min) / (_max - _min),
            0,
            1);

    // Powers of ten; over few decades also their multiples by 2 and 5; over less than one, the ticks of a
    // linear axis.
    private static IEnumerable<double> LogTicks(double min, double max)
    {
        double decades = Math.Log10(max / min);
        if (decades < 0.7)
        {
            double step = StepOf(max - min);
            return Steps(Math.Ceiling(min / step) * step, max, step);
        }

        double[] within = decades < 1.7 ? [1, 2, 5] : [1];
        int every = Math.Max(1, (int)Math.Ceiling(decades / MostTicks));
        return from exponent in Enumerable.Range((int)Math.Floor(Math.Log10(min)), (int)Math.Ceiling(decades) + 2)
               where exponent % every == 0
               from factor in within
               let value = factor * Math.Pow(10, exponent)
               where value >= min && value <= max
               select value;
    }

    private static double StepOf(double length)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(length / (MostTicks - 1))));
        return power * new[] { 1, 2, 2.5, 5, 10 }.First(factor => power * factor * (MostTicks - 1) >= length * 0.999);
    }

    private static IEnumerable<double> Steps(double start, double end, double step) =>
        Enumerable.Range(0, (int)Math.Floor(((end - start) / step) + 1e-6) + 1).Select(i => start + (i * step));
}
