using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using LineServer.Perf.Comparing;
using LineServer.Perf.Reporting;

namespace LineServer.Perf.Tests.Reporting;

/// <summary>The page in a real browser.</summary>
public sealed partial class HtmlReportTests : IDisposable
{
    private const string ByConnections = "<h2 id=\"by-connections\">By the number of connections</h2>";
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_browser_shows_every_chart_with_a_mark_for_each_server_and_complains_about_nothing()
    {
        (string dom, string console) = await Browser.OpenAsync(Write());
        Assert.Empty(console);

        // The script's last line sets this, so the script ran to its end.
        Assert.Contains("data-ready=\"4\"", dom);
        string[] figures = [.. dom.Split("<figure").Skip(1)];
        Assert.Equal(
            [
                "Throughput", "Throughput ÷ c-epoll", "CPU per line", "CPU per line ÷ c-epoll", "Latency from sent",
                "Throughput", "Throughput ÷ c-epoll", "CPU per line", "CPU per line ÷ c-epoll", "Latency from sent",
                "CPU per line", "CPU per line ÷ c-epoll", "Latency from sent", "Latency from due",
                "Memory per connection", "Memory per connection ÷ c-epoll",
                "Quiet connections beside a flood", "Latency from sent", "Latency from due", "Latency from due without the flood",
                "Memory of idle connections",
            ],
            figures.Select(figure => Caption().Match(figure).Groups["text"].Value),
            StringComparer.Ordinal);
        Assert.All(figures, figure =>
        {
            Assert.All(Sample.Measured, server => Assert.Contains($"<g data-s=\"{Escape(server)}\"", figure));
            Assert.Matches("<(rect class=\"bar\"|circle class=\"(median|mark)\")", figure);

            // A title and a description for readers who cannot see the chart, and the figures as a table.
            Assert.Matches("role=\"img\" aria-labelledby=\"(?<id>[^ ]+)-t \\k<id>-d\"><title id=\"\\k<id>-t\">[^<]+</title><desc id=\"\\k<id>-d\">[^<]+</desc>", figure);
            Assert.Contains("<table>", figure);
        });
        AssertAllHasItsPlace(dom);
    }

    [Fact]
    public async Task By_the_number_of_connections_every_figure_has_a_chart_with_a_line_for_each_server_and_a_dot_for_each_number()
    {
        (string dom, string console) = await Browser.OpenAsync(Write(ScaleTablesTests.Document));
        Assert.Empty(console);
        Assert.Contains("data-ready=\"3\"", dom);
        AssertAllHasItsPlace(dom);
        string section = SectionByConnections(dom);
        string[] figures = [.. section.Split("<figure").Skip(1)];
        Assert.Equal(
            [
                "Lines per second", "CPU time of the server per line", "Context switches of the server per line",
                "Resident memory of the server per connection", "Time to open a connection and get its first reply", "CPU time of the server to open a connection",
            ],
            figures.Select(figure => Caption().Match(figure).Groups["text"].Value),
            StringComparer.Ordinal);
        Assert.All(figures, (figure, i) =>
        {
            // There is no figure for the memory of ten connections.
            string[] numbers = i == 3 ? ["1,000", "10,000"] : ["10", "1,000", "10,000"];
            string[] lines = [.. figure.Split("<g ").Skip(1).Select(line => line.Split("</g>")[0])];
            Assert.Equal(["events", "threads"], lines.Select(line => line.Split('"')[1]), StringComparer.Ordinal);
            Assert.All(lines, line =>
            {
                Assert.Equal(numbers, Mark().Matches(line).Select(match => match.Groups["connections"].Value), StringComparer.Ordinal);
                Assert.Equal(numbers.Length, line.Split("class=\"whisker\"").Length - 1);
                Assert.Equal(numbers.Length, Vertex().Count(line));
            });
            Assert.Contains("<th scope=\"col\">10,000</th>", figure);
            Assert.Matches("<th scope=\"row\">dead</th><td>no result</td>", figure);
        });
        Assert.Contains("threads: 95.0 k/s with 1,000 connections, rounds 90.0 k/s to 100 k/s", figures[0]);
        Assert.Contains("from 10,000 (0.75)", section);
        Assert.Contains("<h2 id=\"scale-1000\">", dom[dom.IndexOf(section, StringComparison.Ordinal)..]);
    }

    [Fact]
    public void A_dot_is_hollow_where_the_generator_could_do_no_more()
    {
        Assert.DoesNotContain("class=\"mark saturated\"", HtmlReport.Of(ScaleTablesTests.Document));
        string section = SectionByConnections(HtmlReport.Of(ScaleTablesTests.With((_, _) => 100_000, generator: 1)));
        Assert.Equal(2 * 3, section.Split("class=\"mark saturated\"").Length - 1);
        Assert.Contains("≥ 100 k/s with 10 connections", WebUtility.HtmlDecode(section));
    }

    [Fact]
    public void One_number_of_connections_has_no_charts_by_the_number()
    {
        ComparisonDocument all = ScaleTablesTests.Document;
        Assert.Contains(ByConnections, HtmlReport.Of(all));
        Assert.DoesNotContain(ByConnections, HtmlReport.Of(all with { Workloads = [all.Workloads[0]] }));
        Assert.DoesNotContain(ByConnections, HtmlReport.Of(Sample.Document));
    }

    [Fact]
    public void A_server_that_never_switches_lies_at_the_lower_end_of_a_logarithmic_axis()
    {
        ComparisonDocument document = ScaleTablesTests.Document;
        string page = HtmlReport.Of(document with
        {
            Measurements = [.. document.Measurements.Select(round => round with { Measured = round.Measured with { ServerVoluntarySwitches = round.Server == "events" ? 0 : round.Number * round.Measured.Lines, ServerInvoluntarySwitches = round.Server == "events" && round.Number == 1 ? 10 : 0 } })],
        });
        AssertAllHasItsPlace(page);
        string figure = SectionByConnections(page).Split("<figure")[3];
        Assert.Contains("Both axes are logarithmic", figure);
        Assert.Contains("rounds 0 to 0.0001", figure);
    }

    [Fact]
    public async Task What_was_limited_by_the_generator_and_who_is_missing_is_marked()
    {
        (string dom, _) = await Browser.OpenAsync(Write());
        string[] figures = [.. dom.Split("<figure").Skip(1)];
        Assert.Contains("saturated\"", figures[5]); // pipelined: Throughput
        Assert.Contains("≥ 100 k/s", figures[5]);
        Assert.DoesNotContain("saturated\"", figures[0]);
        Assert.Contains("Without a result", dom);
        Assert.Contains("'dead' ended with status 3 before it listened", WebUtility.HtmlDecode(dom));
        Assert.Contains("no result", figures[0]);
        Assert.Contains("A processor, 2 cores", dom);
        Assert.Contains("lineperf compare --servers c-epoll,sockets", dom);
    }

    [Fact]
    public void The_page_needs_nothing_else()
    {
        string page = HtmlReport.Of(Sample.Document);
        Assert.DoesNotMatch("(?i)(src|href)\\s*=(?!\"#)|@import|url\\(|https?://|fetch\\(", page);

        // Every id belongs to one element.
        Assert.Distinct(Identity().Matches(page).Select(match => match.Value), StringComparer.Ordinal);
    }

    [Fact]
    public void The_result_stands_at_the_head_then_the_contents_then_the_results_then_what_has_none()
    {
        string page = WebUtility.HtmlDecode(HtmlReport.Of(Sample.Document));
        AssertInOrder(
            page,
            "<h1>", "<p class=\"headline\">c-epoll takes the least CPU time per line; sockets takes 2.20 times as much, with <&\" in it ",
            "<nav class=\"contents\"", "<h2 id=\"overview\">", "<h2 id=\"request-reply\">", "<h2 id=\"flood\">", "<h2 id=\"absences\"", "<h2 id=\"servers\">", "<h2 id=\"machine\">");
        Assert.Contains("Not ranked, because a result is missing: dead.", page);
    }

    [Fact]
    public void Every_section_is_in_the_contents_in_its_order()
    {
        Assert.All([Sample.Document, ScaleTablesTests.Document], document =>
        {
            string page = HtmlReport.Of(document);
            string[] sections = [.. Heading().Matches(page).Select(match => match.Groups["id"].Value)];
            Assert.Equal(sections, Link().Matches(page).Select(match => match.Groups["id"].Value), StringComparer.Ordinal);
            Assert.Equal(sections.Length, page.Split("<h2").Length - 1);
        });
    }

    [Fact]
    public void Every_chart_says_which_way_is_better_and_which_axis_is_logarithmic()
    {
        string page = HtmlReport.Of(Sample.Document) + HtmlReport.Of(ScaleTablesTests.Document);
        Assert.All(page.Split("<figure>").Skip(1), figure =>
        {
            Assert.Matches("(more|less) is better", figure.Split("</figcaption>")[0]);
            Assert.Matches("<text class=\"better [a-z]+\"[^>]*>(better →|← better|↑ better|↓ better)</text>", figure);

            // The description names the axes for readers who cannot see the chart; for the others, the axes do.
            int told = figure.Contains("oth axes are logarithmic", StringComparison.Ordinal) ? 2 : figure.Contains("logarithmic.</desc>", StringComparison.Ordinal) ? 1 : 0;
            Assert.Equal(told, LogarithmicAxis().Count(figure));
        });
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Bars_and_marks_have_a_contrast_of_3_to_1_and_text_of_4_5_to_1_on_light_and_dark_paper(int theme)
    {
        string page = HtmlReport.Of(Sample.Document);
        Dictionary<string, int> colours = Variable().Matches(page).ToDictionary(
            match => match.Groups["name"].Value, match => Convert.ToInt32(match.Groups[theme == 0 ? "light" : "dark"].Value, 16), StringComparer.Ordinal);
        double opacity = BarOpacity().Match(page) is { Success: true } found ? double.Parse(found.Groups["part"].Value, CultureInfo.InvariantCulture) : 1;
        string[] drawn = ["ink", .. Enumerable.Range(0, 8).Select(i => $"c{i}")];
        Assert.All(drawn, name => Assert.InRange(Contrast(Blend(colours[name], colours["card"], opacity), colours["card"]), 3, 21));
        Assert.All((string[])["ink", "soft", "bad", "link"], name => Assert.All((string[])["paper", "card"], back => Assert.InRange(Contrast(colours[name], colours[back]), 4.5, 21)));
    }

    [Fact]
    public void A_headline_needs_a_result_of_the_reference()
    {
        Assert.Equal("The reference has no CPU time per line, so no server is ranked.", Headline.Of(Sample.Document with { Measurements = [] }).Result);
        Assert.Equal(
            "c-epoll takes 9.00 µs of CPU time per line in request-reply; no other server has a result for every workload.",
            Headline.Of(Sample.Document with { Measurements = [.. Sample.Document.Measurements.Where(round => round.Server == "c-epoll")] }).Result);
    }

    [Theory]
    [InlineData(1200, "#light", true)]
    [InlineData(1200, "#dark", false)]
    [InlineData(400, "", true)]
    public async Task A_picture_of_it_is_in_colours_on_light_or_dark_paper(int width, string theme, bool isLight)
    {
        Picture picture = await Browser.PhotographAsync(Write() + theme, width, 2_000);
        Assert.Equal(2_000, picture.Height);
        Assert.True(picture.CountColours() > 100, $"{picture.CountColours()} colours");
        Assert.Equal(isLight ? 0xffffff : 0x14171a, picture[2, 2]);
    }

    private static string Escape(string server) => server.Replace("&", "&amp;", StringComparison.Ordinal).Replace("\"", "&quot;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal);

    private static string SectionByConnections(string page) => page[page.IndexOf(ByConnections, StringComparison.Ordinal)..].Split("</section>")[0];

    private static void AssertAllHasItsPlace(string page)
    {
        string drawings = string.Concat(Drawing().Matches(page).Select(match => match.Value));
        Assert.DoesNotContain("NaN", drawings);
        Assert.DoesNotContain("Infinity", drawings);
        Assert.DoesNotContain("undefined", drawings);
        Assert.DoesNotContain("∞", drawings);
        Assert.All(Place().Matches(drawings), match => Assert.InRange(double.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture), -1, 1_000));
    }

    private static void AssertInOrder(string page, params string[] parts)
    {
        int from = 0;
        Assert.All(parts, part => from = page.IndexOf(part, from, StringComparison.Ordinal) is >= 0 and int at ? at : throw new Xunit.Sdk.XunitException($"not here, or not in this order: {part}"));
    }

    // The contrast ratio as WCAG 2 defines it.
    private static double Contrast(int one, int other)
    {
        (double a, double b) = (Luminance(one), Luminance(other));
        return (Math.Max(a, b) + 0.05) / (Math.Min(a, b) + 0.05);
    }

    private static double Luminance(int colour)
    {
        return (0.2126 * Linear(colour >> 16)) + (0.7152 * Linear(colour >> 8)) + (0.0722 * Linear(colour));

        static double Linear(int part) => (part & 0xff) / 255.0 is var value && value <= 0.04045 ? value / 12.92 : Math.Pow((value + 0.055) / 1.055, 2.4);
    }

    private static int Blend(int colour, int back, double opacity)
    {
        return (Part(16) << 16) | (Part(8) << 8) | Part(0);

        int Part(int shift) => (int)Math.Round((((colour >> shift) & 0xff) * opacity) + (((back >> shift) & 0xff) * (1 - opacity)));
    }

    private string Write(ComparisonDocument? document = null)
    {
        string file = Path.Combine(_folder, "report.html");
        HtmlReport.Write(file, document ?? Sample.Document);
        return $"file://{file}";
    }

    [GeneratedRegex("<figcaption>(?<text>[^<]+)<", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Caption();

    [GeneratedRegex("<circle class=\"mark\"[^>]* with (?<connections>[0-9,]+) connections", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Mark();

    [GeneratedRegex("(?<= d=\"[^\"]*)[ML]", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Vertex();

    [GeneratedRegex("<svg.*?</svg>", RegexOptions.Singleline, 1000)]
    private static partial Regex Drawing();

    [GeneratedRegex(" (x|y|x1|y1|x2|y2|cx|cy|r|width|height)=\"(?<number>[^\"]*)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Place();

    [GeneratedRegex(" id=\"[^\"]+\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Identity();

    [GeneratedRegex("<h2 id=\"(?<id>[^\"]+)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Heading();

    [GeneratedRegex("<a href=\"#(?<id>[^\"]+)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Link();

    [GeneratedRegex("<text class=\"tick [a-z]+\"[^>]*>([^<]*, )?logarithmic</text>", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex LogarithmicAxis();

    [GeneratedRegex("--(?<name>\\w+): light-dark\\(#(?<light>[0-9a-f]{6}), #(?<dark>[0-9a-f]{6})\\)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Variable();

    [GeneratedRegex("\\.bar \\{[^}]*opacity: (?<part>[0-9.]+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex BarOpacity();
}
