namespace LineServer.Perf.Reporting.Charts;

/// <summary>A chart with one line per server.</summary>
internal static class LineChart
{
    private const double Width = 400;
    private const double Height = 300;
    private const double Left = 52;
    private const double Right = 388;
    private const double Top = 20;
    private const double Bottom = 262;

    // The shift between servers side by side, and the largest one from the first to the last.
    private const double Beside = 4;
    private const double AllBeside = 20;

    /// <param name="id">The drawing's id in the page.</param>
    /// <param name="title">The title.</param>
    /// <param name="description">A description for readers who cannot see the chart.</param>
    /// <param name="series">The lines, in drawing order.</param>
    /// <param name="x">The horizontal axis.</param>
    /// <param name="xName">Its name.</param>
    /// <param name="y">The vertical axis.</param>
    /// <param name="yName">Its name.</param>
    /// <param name="better">Whether more or less is better.</param>
    /// <param name="isSideBySide">
    /// True if the lines share their places on the horizontal axis: each is then shifted a little to the
    /// right of the one before, so that whiskers do not overlap.
    /// </param>
    public static string Draw(
        string id,
        string title,
        string description,
        IReadOnlyList<Series> series,
        Axis x,
        string xName,
        Axis y,
        string yName,
        Direction better,
        bool isSideBySide = false)
    {
        double beside = isSideBySide && series.Count > 1 ? Math.Min(Beside, AllBeside / (series.Count - 1)) : 0;
        double AtX(double value) => Left + (x.At(value) * (Right - Left));
        double AtY(double value) => Bottom - (y.At(value) * (Bottom - Top));

        var svg = new Svg(id, Width, Height, title, description);
        foreach ((double value, _) in x.Ticks)
        {
            svg.Line("grid", AtX(value), Top, AtX(value), Bottom);
        }

        foreach ((double place, string label) in x.Named(AtX))
        {
            bool isCut = place + (label.Length * Axis.Letter / 2) > Width - 2;
            svg.Text(isCut ? "tick end" : "tick middle", isCut ? Width - 2 : place, Bottom + 15, label);
        }

        foreach ((double value, string label) in y.Ticks)
        {
            svg.Line("grid", Left, AtY(value), Right, AtY(value));
            svg.Text("tick end", Left - 5, AtY(value) + 4, label);
        }

        svg.Text("tick start", 2, Top - 8, Named(yName, y));
        svg.Text("better end", Right, Top - 8, better == Direction.More ? "↑ better" : "↓ better");
        svg.Text("tick middle", (Left + Right) / 2, Height - 6, Named(xName, x));
        for (int i = 0; i < series.Count; i++)
        {
            Series line = series[i];
            double shift = (i - ((series.Count - 1) / 2.0)) * beside;
            svg.BeginServer(line.Server, line.Classes, line.Server);
            svg.Path("line", Thinned(line.Points.Select(point => (AtX(point.X) + shift, AtY(point.Y)))));
            foreach ((double at, double from, double to) in line.Whiskers)
            {
                svg.Line("whisker", AtX(at) + shift, AtY(from), AtX(at) + shift, AtY(to));
            }

            foreach (Mark mark in line.Marks)
            {
                svg.Circle(mark.IsSaturated ? "mark saturated" : "mark", AtX(mark.X) + shift, AtY(mark.Y), 3, mark.Tip);
            }

            svg.EndServer();
        }

        return svg.End();
    }

    private static string Named(string name, Axis axis) =>
        !axis.IsLog ? name : name.Length == 0 ? "logarithmic" : $"{name}, logarithmic";

    // A distribution has more points than are visible. A point less than a unit from the last one is left
    // out, except the very last.
    private static IEnumerable<(double X, double Y)> Thinned(IEnumerable<(double X, double Y)> points)
    {
        (double X, double Y)? drawn = null, skipped = null;
        foreach ((double x, double y) in points)
        {
            if (drawn is { } last && Math.Abs(x - last.X) < 1 && Math.Abs(y - last.Y) < 1)
            {
                skipped = (x, y);
                continue;
            }

            (drawn, skipped) = ((x, y), null);
            yield return (x, y);
        }

        if (skipped is { } end)
        {
            yield return end;
        }
    }
}
