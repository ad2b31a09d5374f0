using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using LineServer.Perf.Reporting;

namespace LineServer.Perf.Tests.Reporting;

/// <summary>The page, looked at in a real browser.</summary>
public sealed partial class HtmlReportTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_browser_shows_every_chart_with_a_mark_for_each_server_and_complains_about_nothing()
    {
        (string dom, string console) = await Browser.OpenAsync(Write());
        Assert.Empty(console);

        // Of the script's last line: it has run to its end.
        Assert.Contains("data-ready=\"4\"", dom);
        string[] figures = [.. dom.Split("<figure").Skip(1)];
        Assert.Equal(
            [
                "Throughput", "Throughput ÷ c-epoll", "CPU a line", "CPU a line ÷ c-epoll", "Latency from sent",
                "Throughput", "Throughput ÷ c-epoll", "CPU a line", "CPU a line ÷ c-epoll", "Latency from sent",
                "CPU a line", "CPU a line ÷ c-epoll", "Latency from sent", "Latency from due",
                "Memory a connection", "Memory a connection ÷ c-epoll",
                "Quiet connections beside a flood", "Latency from sent", "Latency from due", "Latency from due without the flood",
                "Memory of idle connections",
            ],
            figures.Select(figure => Caption().Match(figure).Groups["text"].Value),
            StringComparer.Ordinal);
        Assert.All(figures, figure =>
        {
            Assert.All(Sample.Measured, server => Assert.Contains($"<g data-s=\"{Escape(server)}\"", figure));
            Assert.Matches("<(rect class=\"bar\"|circle class=\"(median|mark)\")", figure);

            // A title and a description for who cannot see it, and the figures as a table.
            Assert.Matches("role=\"img\" aria-labelledby=\"(?<id>[^ ]+)-t \\k<id>-d\"><title id=\"\\k<id>-t\">[^<]+</title><desc id=\"\\k<id>-d\">[^<]+</desc>", figure);
            Assert.Contains("<table>", figure);
        });
        string drawings = string.Concat(Drawing().Matches(dom).Select(match => match.Value));
        Assert.DoesNotContain("NaN", drawings);
        Assert.DoesNotContain("Infinity", drawings);
        Assert.DoesNotContain("undefined", drawings);
        Assert.DoesNotContain("∞", drawings);
        Assert.All(Place().Matches(drawings), match => Assert.InRange(double.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture), -1, 1_000));
    }

    [Fact]
    public async Task What_was_limited_by_the_generator_and_who_is_missing_is_marked()
    {
        (string dom, _) = await Browser.OpenAsync(Write());
        string[] figures = [.. dom.Split("<figure").Skip(1)];
        Assert.Contains("saturated\"", figures[5]); // pipelined: Throughput
        Assert.Contains("≥ 100 k/s", figures[5]);
        Assert.DoesNotContain("saturated\"", figures[0]);
        Assert.Contains("Servers without a result", dom);
        Assert.Contains("'dead' ended with status 3 before it listened", WebUtility.HtmlDecode(dom));
        Assert.Contains("no result", figures[0]);
        Assert.Contains("A processor, 2 cores", dom);
        Assert.Contains("lineperf compare --servers c-epoll,sockets", dom);
    }

    [Fact]
    public void The_page_needs_nothing_else()
    {
        string page = HtmlReport.Of(Sample.Document);
        Assert.DoesNotMatch("(?i)(src|href)\\s*=|@import|url\\(|https?://|fetch\\(", page);

        // One identity for one element.
        Assert.Distinct(Identity().Matches(page).Select(match => match.Value), StringComparer.Ordinal);
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

    private string Write()
    {
        string file = Path.Combine(_folder, "report.html");
        HtmlReport.Write(file, Sample.Document);
        return $"file://{file}";
    }

    [GeneratedRegex("<figcaption>(?<text>[^<]+)<", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Caption();

    [GeneratedRegex("<svg.*?</svg>", RegexOptions.Singleline, 1000)]
    private static partial Regex Drawing();

    [GeneratedRegex(" (x|y|x1|y1|x2|y2|cx|cy|r|width|height)=\"(?<number>[^\"]*)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Place();

    [GeneratedRegex(" id=\"[^\"]+\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Identity();
}
