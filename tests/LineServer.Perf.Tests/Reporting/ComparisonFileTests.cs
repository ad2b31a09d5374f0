using System.Text.Json;
using LineServer.Perf.Comparing;
using LineServer.Perf.Reporting;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests.Reporting;

public sealed class ComparisonFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("rounds.json")]
    [InlineData("rounds.json.gz")]
    public void What_was_written_is_read_again_whole(string name)
    {
        string file = Path.Combine(_folder, name);
        ComparisonFile.Write(file, Sample.Document);
        ComparisonDocument read = ComparisonFile.Read(file);

        Assert.Equal(Tables(Sample.Document), Tables(read));
        Assert.Equal(HtmlReport.Of(Sample.Document), HtmlReport.Of(read));
        Latencies written = Sample.Document.Measurements[0].Measured.FromSent!, same = read.Measurements[0].Measured.FromSent!;
        Assert.Equal(written.Buckets, same.Buckets);
        Assert.Equal(Sample.Document.Machine, read.Machine);
        Assert.Equal(Sample.Document.Absences, read.Absences);
        Assert.Equal([Path.Combine(_folder, name)], Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_distribution_is_pairs_of_microseconds_and_count_that_hold_every_line()
    {
        string file = Path.Combine(_folder, "rounds.json");
        ComparisonFile.Write(file, Sample.Document);
        using var json = JsonDocument.Parse(File.ReadAllText(file));
        JsonElement latencies = json.RootElement.GetProperty("measurements")[0].GetProperty("measured").GetProperty("fromSent");
        (double UpTo, long Count)[] buckets = [.. latencies.GetProperty("buckets").EnumerateArray().Select(pair => (pair[0].GetDouble(), pair[1].GetInt64()))];
        Assert.Equal(latencies.GetProperty("count").GetInt64(), buckets.Sum(bucket => bucket.Count));
        Assert.Equal(latencies.GetProperty("max").GetDouble(), buckets[^1].UpTo);
        Assert.Equal(buckets.OrderBy(bucket => bucket.UpTo), buckets);
        Assert.DoesNotContain(buckets, bucket => bucket.Count == 0);
    }

    [Theory]
    [InlineData("", "is not what lineperf compare --json writes")]
    [InlineData("[]", "it says no format")]
    [InlineData("""{ "format": 99 }""", "has format 99; this lineperf reads 1")]
    [InlineData("""{ "format": 1 }""", "is not what lineperf compare --json writes")]
    public void Another_file_is_told(string text, string problem)
    {
        string file = Path.Combine(_folder, "other.json");
        File.WriteAllText(file, text);
        Assert.Contains(problem, Assert.Throws<RunFailedException>(() => ComparisonFile.Read(file)).Message);
    }

    private static string[] Tables(ComparisonDocument document) => [.. ReportTables.Of(document).Select(table => table.Title + Markdown.Of(table))];
}
