using LineServer.Perf.Comparing;

namespace LineServer.Perf.Reporting.Charts;

/// <summary>
/// A chart with one row per server: a bar from 0 to the median or, if the figures lie too far apart, a dot on
/// a logarithmic axis; a whisker from the smallest round to the largest, and a small dot per round. Ratios
/// are logarithmic around 1.
/// </summary>
internal static class RowChart
{
    private const double Width = 400;
    private const double Left = 112;
    private const double Right = 292;
    private const double Top = 6;
    private const double RowHeight = 24;
    private const double Bottom = 24;

    // Longer names would be cut off at the left edge; the tooltip has them whole.
    private const int LongestName = 17;

    public static string Draw(
        string id,
        string title,
        string description,
        IReadOnlyList<ServerMark> marks,
        Func<double, string> format,
        Direction better,
        bool isRatio)
    {
        double bottom = Top + (marks.Count * RowHeight);
        Spread[] known = [.. marks.Select(mark => mark.Figure).OfType<Spread>()];
        double min = known.Select(figure => figure.Min).DefaultIfEmpty(1).Min();
        double max = known.Select(figure => figure.Max).DefaultIfEmpty(1).Max();
        bool isLog = min > 0 && (isRatio || Axis.NeedsLog([min, max]));
        Axis axis = isRatio && isLog ? Axis.Log(Math.Min(min, 0.9), Math.Max(max, 1.1), format)
            : isLog ? Axis.Log(min, max, format)
            : Axis.Linear(max, format);
        double At(double value) => Left + (axis.At(value) * (Right - Left));

        var svg = new Svg(
            id, Width, bottom + Bottom, title, $"{description}{(isLog ? " The axis is logarithmic." : "")}");
        foreach ((double value, _) in axis.Ticks)
        {
            svg.Line("grid", At(value), Top, At(value), bottom);
        }

        foreach ((double place, string label) in axis.Named(At))
        {
            svg.Text("tick middle", place, bottom + 15, label);
        }

        svg.Text("tick start", 2, bottom + 15, isLog ? "logarithmic" : "");
        svg.Text("better end", Width - 2, bottom + 15, better == Direction.More ? "better →" : "← better");
        if (isRatio)
        {
            svg.Line("one", At(1), Top, At(1), bottom);
        }

        for (int i = 0; i < marks.Count; i++)
        {
            Row(svg, marks[i], Top + ((i + 0.5) * RowHeight), At, format, hasBar: !isLog && !isRatio);
        }

        return svg.End();
    }

    private static void Row(
        Svg svg, ServerMark mark, double y, Func<double, double> at, Func<double, string> format, bool hasBar)
    {
        string name = mark.Server.Length > LongestName ? $"{mark.Server[..(LongestName - 1)]}…" : mark.Server;
        if (mark.Figure is not { } figure)
        {
            svg.BeginServer(mark.Server, mark.Classes, mark.Note);
            svg.Text("name end", Left - 8, y + 4, name);
            svg.Text("none start", Left + 4, y + 4, "no result");
            svg.EndServer();
            return;
        }

        string atLeast = mark.IsSaturated ? "≥ " : "";
        string tip = $"{mark.Server}: {atLeast}{format(figure.Median)}, " +
            $"rounds {format(figure.Min)} to {format(figure.Max)}{(mark.Note.Length > 0 ? $", {mark.Note}" : "")}" +
            $"{(mark.IsSaturated ? "; the generator was saturated" : "")}";
        svg.BeginServer(mark.Server, $"{mark.Classes}{(mark.IsSaturated ? " saturated" : "")}", tip);

        // The whole row shows the tooltip.
        svg.Rectangle("row", 0, y - (RowHeight / 2), Width, RowHeight);
        svg.Text("name end", Left - 8, y + 4, name);
        if (hasBar)
        {
            svg.Rectangle("bar", Left, y - 7, at(figure.Median) - Left, 14);
        }

        // Without a halo, the whisker would be invisible on a bar of its own colour.
        svg.Line("halo", at(figure.Min), y, at(figure.Max), y);
        svg.Line("whisker", at(figure.Min), y, at(figure.Max), y);
        foreach (double end in new[] { figure.Min, figure.Max })
        {
            svg.Line("whisker", at(end), y - 4, at(end), y + 4);
        }

        foreach (double round in figure.Rounds)
        {
            svg.Circle("round", at(round), y, 2.5);
        }

        if (!hasBar)
        {
            svg.Circle("median", at(figure.Median), y, 5);
        }

        svg.Text(
            "value start",
            Right + 8,
            y + 4,
            $"{atLeast}{format(figure.Median)}{(mark.Note.Length > 0 ? $" ({mark.Note})" : "")}");
        svg.EndServer();
    }
}
