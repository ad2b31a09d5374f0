using System.Globalization;
using System.Text;
using LineServer.Perf.Comparing;
using LineServer.Perf.Reporting.Charts;
using LineServer.Perf.Work;

namespace LineServer.Perf.Reporting;

/// <summary>
/// A comparison as one page that needs no other file: the result in a sentence, the contents, the overview,
/// charts (each with its figures as a table) and tables per workload, then missing results, the servers and
/// the machine.
/// </summary>
internal sealed class HtmlReport
{
    private const int Colours = 8;
    private static readonly double[] NamedParts = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999];

    private readonly ComparisonDocument _document;
    private readonly StringBuilder _page = new();

    private HtmlReport(ComparisonDocument document) => _document = document;

    public static void Write(string path, ComparisonDocument document) =>
        WholeFile.Write(path, file => file.Write(Encoding.UTF8.GetBytes(Of(document))));

    public static string Of(ComparisonDocument document)
    {
        var report = new HtmlReport(document);
        report.Head();
        report.Contents();
        report.Overview();
        report.ByConnections();
        foreach (Workload workload in document.Workloads)
        {
            report.Section(workload);
        }

        report.MemoryByConnections();
        report.Absences();
        report.Origin();
        return report._page.Append($"<div id=\"tip\" role=\"status\" hidden></div>\n<script>\n{Resource("report.js")}</script>\n</body>\n</html>\n").ToString();
    }

    private void Head()
    {
        (string result, string basis) = Headline.Of(_document);
        _ = _page.Append(
            $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>lineperf: {_document.Servers.Count} line servers side by side</title>
            <style>
            {Resource("report.css")}</style>
            </head>
            <body>
            <header><h1>Line servers side by side</h1><button id="theme" type="button">light / dark</button></header>
            <p class="headline">{Svg.Escape(result)}</p>
            <p class="soft">{Svg.Escape(basis)}</p>
            <p class="soft">{Svg.Escape($"{_document.Machine.Processor}, {_document.Machine.Cores} cores, Linux {_document.Machine.Kernel}, {_document.Machine.Runtime}; {_document.Started:yyyy-MM-dd HH:mm zzz}")}</p>
            <nav class="legend" aria-label="Servers">

            """);
        foreach (ComparedServer server in _document.Servers)
        {
            string role = server.Name == _document.Reference ? " (reference)" : "";
            _ = _page.Append($"<button type=\"button\" data-s=\"{Svg.Escape(server.Name)}\" aria-pressed=\"false\"><svg class=\"swatch {ColourOf(server.Name)}\" viewBox=\"0 0 22 10\" aria-hidden=\"true\"><line x1=\"0\" y1=\"5\" x2=\"22\" y2=\"5\"/></svg>{Svg.Escape(server.Name + role)}</button>\n");
        }

        _ = _page.Append("</nav>\n<main>\n");
    }

    // The sections of the page, in its order.
    private void Contents()
    {
        (string Id, string Title)[] sections =
        [
            .. HasOverview ? [("overview", "Overview")] : Array.Empty<(string, string)>(),
            .. ScaleTables.WorkloadsOf(_document).Count < 2
                ? []
                : new[] { ("by-connections", "By the number of connections") },
            .. _document.Workloads.Select(workload => (workload.Name, workload.Name)),
            .. _document.Workloads.Where(workload => StepsOf(workload).Length > 0).Select(workload =>
                ($"{workload.Name}-memory", "Memory by connections")),
            .. _document.Absences.Count == 0 ? [] : new[] { ("absences", "Without a result") },
            ("servers", "Servers"),
            ("machine", "Machine and measurement"),
        ];
        _ = _page.Append("<nav class=\"contents\" aria-label=\"Contents\"><ul>\n");
        foreach ((string id, string title) in sections)
        {
            _ = _page.Append($"<li><a href=\"#{Svg.Escape(id)}\">{Svg.Escape(title)}</a></li>\n");
        }

        _ = _page.Append("</ul></nav>\n");
    }

    private bool HasOverview => ReportTables.Overview(_document).Columns.Count > 1;

    private void Overview()
    {
        if (!HasOverview)
        {
            return;
        }

        ReportTable overview = ReportTables.Overview(_document);
        _ = _page.Append($"<h2 id=\"overview\">Overview</h2>\n<p class=\"soft\">{Svg.Escape(overview.Title)}. ≥: the generator was saturated, the server may be faster.</p>\n");
        Table(overview);
    }

    private void Absences()
    {
        if (_document.Absences.Count == 0)
        {
            return;
        }

        _ = _page.Append("<section>\n<h2 id=\"absences\" class=\"bad\">Without a result</h2>\n");
        Table(ReportTables.Absences(_document));
        _ = _page.Append("</section>\n");
    }

    // The sections per workload, which follow, cannot compare few connections with many. One number of
    // connections does not make a line.
    private void ByConnections()
    {
        IReadOnlyList<Workload> scale = ScaleTables.WorkloadsOf(_document);
        if (scale.Count < 2)
        {
            return;
        }

        _ = _page.Append($"<section>\n<h2 id=\"by-connections\">By the number of connections</h2>\n<p class=\"soft\">{Svg.Escape($"{scale[0].Name} to {scale[^1].Name}: medians of {_document.Rounds} rounds; whiskers from the smallest round to the largest")}</p>\n<div class=\"grid\">\n");
        foreach (ScaleFigure figure in ScaleFigure.All)
        {
            ByConnections(scale, figure);
        }

        ReportTable behind = ScaleTables.Behind(_document);
        _ = _page.Append($"</div>\n<p class=\"soft\">{Svg.Escape(behind.Title)}.</p>\n");
        Table(behind);
        _ = _page.Append("</section>\n");
    }

    private void ByConnections(IReadOnlyList<Workload> scale, ScaleFigure figure)
    {
        var known = (from server in _document.Servers
                     from workload in scale
                     let spread = figure.SpreadOf(_document, workload, server.Name)
                     where spread is not null
                     select (Server: server.Name, workload.Connections, Figure: spread, IsSaturated: figure.IsCappedFor(_document, workload, server.Name))).ToArray();
        if (known.Length == 0)
        {
            return;
        }

        // Only the numbers of connections for which this figure was measured.
        int[] numbers = [.. known.Select(point => point.Connections).Distinct().Order()];
        double room = Math.Max(1.15, Math.Pow((double)numbers[^1] / numbers[0], 0.05));
        var x = Axis.Log(
            numbers[0] / room,
            numbers[^1] * room,
            [.. numbers.Select(number => ((double)number, Quantity.Short(Quantity.Count(number))))]);
        var y = Axis.For([.. known.SelectMany(point => new[] { point.Figure.Min, point.Figure.Max })], figure.Format);
        string capped = known.Any(point => point.IsSaturated)
            ? ". Hollow, and ≥: the generator was saturated, the server may be faster"
            : "";
        Figure(
            figure.Title,
            $"{figure.Meaning}; {Told(figure.Better)}{capped}",
            LineChart.Draw(
                figure.Name,
                $"{figure.Title}, by the number of connections",
                $"A line for each server, from the fewest connections to the most: {figure.Title}, " +
                $"{figure.Meaning}; {Told(figure.Better)}. " +
                $"{(y.IsLog ? "Both axes are" : "The axis of connections is")} logarithmic.",
                [
                    .. known.GroupBy(point => point.Server, StringComparer.Ordinal).Select(points => new Series(
                        points.Key,
                        ColourOf(points.Key),
                        [.. points.Select(point => ((double)point.Connections, point.Figure.Median))],
                        [
                            .. points.Select(point =>
                                new Mark(
                                    point.Connections,
                                    point.Figure.Median,
                                    TipOf(point.Server, point.Connections, point.Figure, point.IsSaturated),
                                    point.IsSaturated)),
                        ],
                        [.. points.Select(point => ((double)point.Connections, point.Figure.Min, point.Figure.Max))])),
                ],
                x,
                "connections",
                y,
                "",
                figure.Better,
                isSideBySide: true),
            ScaleTables.TableOf(_document, figure));

        string TipOf(string server, int connections, Spread spread, bool isSaturated) =>
            $"{server}: {(isSaturated ? "≥ " : "")}{figure.Format(spread.Median)} with {connections:N0} " +
            $"connections, rounds {figure.Format(spread.Min)} to " +
            $"{figure.Format(spread.Max)}{(isSaturated ? "; the generator was saturated" : "")}";
    }

    private void Section(Workload workload)
    {
        ReportTable table = WorkloadTable.Of(_document, workload);
        Ranking ranking = _document.RankingOf(workload.Name);
        _ = _page.Append($"<section>\n<h2 id=\"{Svg.Escape(workload.Name)}\">{Svg.Escape(workload.Name)}</h2>\n<p class=\"soft\">{Svg.Escape(workload.Summary)}</p>\n<div class=\"grid\">\n");
        foreach (ChartedFigure figure in ChartedFigure.All)
        {
            Rows(workload, ranking, figure);
        }

        Latency(
            workload,
            ranking,
            "sent",
            "Latency from sent",
            "from the time a line was sent to its reply",
            measured => measured.FromSent);
        Latency(
            workload,
            ranking,
            "due",
            "Latency from due",
            "from the time a line was due on the schedule to its reply",
            measured => measured.FromDue);
        Latency(
            workload,
            ranking,
            "quiet",
            "Latency from due without the flood",
            "of the same connections, before the flood began",
            measured => measured.WithoutFlood?.FromDue);
        Latency(
            workload,
            ranking,
            "fast",
            "Latency from sent without slow readers",
            "of the same connections, before the others connected",
            measured => measured.WithoutSlowReaders?.FromSent);
        _ = _page.Append("</div>\n");
        Table(table);
        _ = _page.Append("</section>\n");
    }

    private void Rows(Workload workload, Ranking ranking, ChartedFigure figure)
    {
        double? Of(Measurement measured) => figure.Of(workload, measured);
        Spread? FigureOf(ComparedServer server) => ranking.Of(server.Name, Of);
        if (_document.Servers.All(server => FigureOf(server) is null))
        {
            return;
        }

        bool IsSaturated(ComparedServer server) =>
            figure.IsCapped && ranking.Count(server.Name, measured => measured.GeneratorSaturated) > 0;
        string capped = _document.Servers.Any(IsSaturated)
            ? " ≥: the generator was saturated, the server may be faster."
            : "";
        string id = $"{workload.Name}-{figure.Id}";
        Figure(
            figure.Title,
            $"{figure.Meaning}; {Told(figure.Better)}.{capped}",
            RowChart.Draw(
                id,
                $"{workload.Name}: {figure.Title}",
                $"{figure.Meaning}; {Told(figure.Better)}. For each server the median, " +
                $"the smallest and the largest of the rounds.{capped}",
                [
                    .. _document.Servers.Select(server =>
                        new ServerMark(
                            server.Name,
                            ColourOf(server.Name),
                            FigureOf(server),
                            _document.ReasonFor(workload.Name, server.Name) ?? "",
                            IsSaturated(server))),
                ],
                figure.Format,
                figure.Better,
                isRatio: false),
            new(
                id,
                "",
                ["server", "median", "min", "max", "each round"],
                [
                    .. _document.Servers.Select(server =>
                        SpreadRow(server, FigureOf(server), figure.Format, ranking.Of(server.Name).Select(Of))),
                ]));

        if (figure.HasRatio
            && _document.Servers.Any(server =>
                server.Name != _document.Reference && ranking.RatioOf(server.Name, Of) is not null))
        {
            Figure(
                $"{figure.Title} ÷ {_document.Reference}",
                "each round's ratio, their median, and how often the sign of the difference held; " +
                $"{Told(figure.Better)}",
                RowChart.Draw(
                    $"{id}-ratio",
                    $"{workload.Name}: {figure.Title} as a ratio to {_document.Reference}",
                    "For each server the ratio to the reference, taken within each round: the median, " +
                    $"the smallest, the largest and each round; {Told(figure.Better)}.",
                    [
                        .. _document.Servers.Select(
                            server => new ServerMark(
                                server.Name,
                                ColourOf(server.Name),
                                ranking.RatioOf(server.Name, Of),
                                _document.ReasonFor(workload.Name, server.Name)
                                    ?? ranking.SignHeldFor(server.Name, Of)
                                    ?? "",
                                IsSaturated(server))),
                    ],
                    Quantity.Ratio,
                    figure.Better,
                    isRatio: true),
                new(
                    id,
                    "",
                    ["server", "median", "min", "max", "sign held"],
                    [.. _document.Servers.Select(server => RatioRow(server, ranking, Of))]));
        }
    }

    private void Latency(
        Workload workload, Ranking ranking, string id, string title, string meaning, Func<Measurement, Latencies?> of)
    {
        (ComparedServer Server, Distribution All)[] known =
        [
            .. _document.Servers
                .Select(server => (server, new Distribution(ranking.Of(server.Name).Select(of))))
                .Where(pair => pair.Item2.Count > 0),
        ];
        if (known.Length == 0)
        {
            return;
        }

        double most = known.Max(pair => pair.All.Count);
        double[] parts = [.. NamedParts.Where(part => 1 / (1 - part) <= most * 1.0001)];
        var x = Axis.Log(
            1,
            Math.Max(10, most),
            [
                .. NamedParts
                    .Where(part => 1 / (1 - part) <= Math.Max(10, most) * 1.0001)
                    .Select(part => (1 / (1 - part), Percent(part))),
            ]);
        var y = Axis.Log(
            Math.Max(0.1, known.Min(pair => pair.All.Min)),
            Math.Max(0.2, known.Max(pair => pair.All.Max)),
            Quantity.Microseconds);
        Series[] series =
        [
            .. known.Select(pair => new Series(
                pair.Server.Name,
                ColourOf(pair.Server.Name),
                [.. pair.All.Curve],
                [
                    .. parts.Where(part => 1 / (1 - part) <= pair.All.Count * 1.0001).Select(part =>
                        new Mark(
                            1 / (1 - part),
                            pair.All.Percentile(part),
                            $"{pair.Server.Name}: {Percent(part)} within " +
                            $"{Quantity.Microseconds(pair.All.Percentile(part))}")),
                ],
                [])),
        ];
        Figure(
            title,
            $"{meaning}; all rounds; {Told(Direction.Less)}",
            LineChart.Draw(
                $"{workload.Name}-{id}",
                $"{workload.Name}: {title}",
                "A curve for each server: how long the fastest 50, 90, 99 and more per cent of the lines took, " +
                $"{meaning}. Both axes are logarithmic.",
                series,
                x,
                "part of the lines that took no longer",
                y,
                "time",
                Direction.Less),
            new(
                id,
                "",
                ["server", .. parts.Select(Percent), "slowest", "timed"],
                [
                    .. known.Select(pair => (IReadOnlyList<string>)
                    [
                        pair.Server.Name,
                        .. parts.Select(part => Quantity.Microseconds(pair.All.Percentile(part))),
                        Quantity.Microseconds(pair.All.Max),
                        pair.All.Count.ToString("#,0", CultureInfo.InvariantCulture),
                    ]),
                ]));
    }

    // The slope of a line is the memory of a connection.
    private void MemoryByConnections()
    {
        foreach (Workload workload in _document.Workloads)
        {
            Ranking ranking = _document.RankingOf(workload.Name);
            int[] steps = StepsOf(workload);
            if (steps.Length > 0)
            {
                MemoryByConnections(
                    workload,
                    steps,
                    _document.Servers.ToDictionary(
                        server => server.Name,
                        server => steps
                            .Select(step => ranking.Of(server.Name, measured => MemoryOf(measured, step)))
                            .ToArray(),
                        StringComparer.Ordinal));
            }
        }
    }

    private int[] StepsOf(Workload workload) =>
        [
            .. _document.Servers.SelectMany(server => _document.RankingOf(workload.Name).Of(server.Name))
                .SelectMany(measured => measured.IdleSteps ?? [])
                .Select(step => step.Connections)
                .Distinct()
                .Order(),
        ];

    private void MemoryByConnections(Workload workload, int[] steps, Dictionary<string, Spread?[]> held)
    {
        (int Connections, Spread Held)[] PointsOf(ComparedServer server) =>
        [
            .. steps.Zip(held[server.Name])
                .Where(pair => pair.Second is not null)
                .Select(pair => (pair.First, pair.Second!)),
        ];
        Series[] series =
        [
            .. _document.Servers.Where(server => PointsOf(server).Length > 0).Select(server => new Series(
                server.Name,
                ColourOf(server.Name),
                [(0, 0), .. PointsOf(server).Select(point => ((double)point.Connections, point.Held.Median))],
                [
                    .. PointsOf(server).Select(point =>
                        new Mark(
                            point.Connections,
                            point.Held.Median,
                            $"{server.Name}: {Quantity.Bytes(point.Held.Median)} for {point.Connections:N0} connections")),
                ],
                [.. PointsOf(server).Select(point => ((double)point.Connections, point.Held.Min, point.Held.Max))])),
        ];
        _ = _page.Append($"<section>\n<h2 id=\"{Svg.Escape(workload.Name)}-memory\">Memory by connections</h2>\n<p class=\"soft\">{Svg.Escape(workload.Name)}: {Svg.Escape(workload.Summary)}</p>\n<div class=\"grid\">\n");
        Figure(
            "Memory of idle connections",
            $"resident memory beyond that without connections; the slope is what one costs; {Told(Direction.Less)}",
            LineChart.Draw(
                $"{workload.Name}-steps",
                $"{workload.Name}: Memory by connections",
                "A line for each server, from no connections to the most: the resident memory that they added.",
                series,
                Axis.Linear(steps[^1], Quantity.Count),
                "connections",
                Axis.Linear(
                    held.Values.SelectMany(spreads => spreads).OfType<Spread>().Max(spread => spread.Max),
                    Quantity.Bytes),
                "memory",
                Direction.Less),
            new(
                "steps",
                "",
                ["server", .. steps.Select(step => step.ToString("#,0", CultureInfo.InvariantCulture))],
                [
                    .. _document.Servers.Select(server => (IReadOnlyList<string>)
                    [
                        server.Name,
                        .. held[server.Name].Select(spread => spread is null ? "–" : Quantity.Bytes(spread.Median)),
                    ]),
                ]));
        _ = _page.Append("</div>\n</section>\n");
    }

    // Memory beyond that without connections, which follows from the step with the most connections.
    private static double? MemoryOf(Measurement measured, int connections) =>
        measured is { IdleSteps: [.., var last] all, BytesPerConnection: { } each }
            && all.FirstOrDefault(step => step.Connections == connections) is { } at
            ? at.ResidentBytes - last.ResidentBytes + (each * last.Connections)
            : null;

    private void Origin()
    {
        _ = _page.Append("<section>\n<h2 id=\"servers\">Servers</h2>\n");
        Table(ReportTables.Servers(_document));
        _ = _page.Append("</section>\n<section>\n<h2 id=\"machine\">Machine and measurement</h2>\n");
        Table(ReportTables.MachineOf(_document));
        _ = _page.Append("</section>\n</main>\n");
    }

    private void Figure(string title, string meaning, string drawing, ReportTable figures)
    {
        _ = _page.Append($"<figure>\n<figcaption>{Svg.Escape(title)}<span>{Svg.Escape(meaning)}</span></figcaption>\n{drawing}\n<details><summary>The figures of this chart</summary>\n");
        Table(figures);
        _ = _page.Append("</details>\n</figure>\n");
    }

    private void Table(ReportTable table)
    {
        _ = _page.Append("<div class=\"wide\" tabindex=\"0\"><table>\n");
        if (table.Columns.Any(column => column.Length > 0))
        {
            _ = _page.Append($"<thead><tr>{string.Concat(table.Columns.Select((column, i) => $"<th scope=\"col\"{(i < table.TextColumns ? " class=\"text\"" : "")}>{Svg.Escape(column)}</th>"))}</tr></thead>\n");
        }

        _ = _page.Append("<tbody>\n");
        foreach (IReadOnlyList<string> row in table.Rows)
        {
            _ = _page.Append($"<tr><th scope=\"row\">{Svg.Escape(row[0])}</th>");
            for (int i = 1; i < row.Count; i++)
            {
                bool isLast = i == row.Count - 1 && row.Count < table.Columns.Count;
                _ = _page.Append($"<td{(i < table.TextColumns || isLast ? " class=\"text\"" : "")}{(isLast ? $" colspan=\"{table.Columns.Count - i}\"" : "")}>{Svg.Escape(row[i])}</td>");
            }

            _ = _page.Append("</tr>\n");
        }

        _ = _page.Append("</tbody></table></div>\n");
    }

    private string[] SpreadRow(
        ComparedServer server, Spread? figure, Func<double, string> format, IEnumerable<double?> rounds) =>
        figure is null
        ? [server.Name, "no result"]
        : [
            server.Name,
            format(figure.Median),
            format(figure.Min),
            format(figure.Max),
            string.Join(", ", rounds.Select(round => round is { } known ? format(known) : "–")),
        ];

    private string[] RatioRow(ComparedServer server, Ranking ranking, Func<Measurement, double?> of) =>
        ranking.RatioOf(server.Name, of) is { } ratio
        ? [
            server.Name,
            Quantity.Ratio(ratio.Median),
            Quantity.Ratio(ratio.Min),
            Quantity.Ratio(ratio.Max),
            ranking.SignHeldFor(server.Name, of) ?? "–",
        ]
        : [server.Name, "no result"];

    // The reference has the text's colour. The others have colours of their own; when these run out, they
    // repeat with dashed lines.
    private string ColourOf(string server)
    {
        if (server == _document.Reference)
        {
            return "reference";
        }

        int place = _document.Servers.Where(other => other.Name != _document.Reference)
            .TakeWhile(other => other.Name != server)
            .Count();
        return $"s{place % Colours}{(place >= Colours ? " d1" : "")}";
    }

    private static string Told(Direction better) => better == Direction.More ? "more is better" : "less is better";

    private static string Percent(double part) => $"{(part * 100).ToString("0.####", CultureInfo.InvariantCulture)} %";

    private static string Resource(string name)
    {
        using var reader = new StreamReader(
            typeof(HtmlReport).Assembly.GetManifestResourceStream(name)
                ?? throw new InvalidOperationException($"lineperf was built without {name}"));
        return reader.ReadToEnd();
    }
}
