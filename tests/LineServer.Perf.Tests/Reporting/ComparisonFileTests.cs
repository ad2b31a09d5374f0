using System.Text.Json;
using System.Text.Json.Nodes;
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
    [InlineData("[]", "it has no format")]
    [InlineData("""{ "format": 99 }""", "has format 99; this lineperf reads 1")]
    [InlineData("""{ "format": 1 }""", "is not what lineperf compare --json writes")]
    [InlineData("""{ "format": "1" }""", "it has no format")]
    [InlineData("""{ "format": null }""", "it has no format")]
    public void Another_file_is_told(string text, string problem)
    {
        string file = Path.Combine(_folder, "other.json");
        File.WriteAllText(file, text);
        Assert.Contains(problem, Assert.Throws<RunFailedException>(() => ComparisonFile.Read(file)).Message);
    }

    [Theory]
    [InlineData("measurements", "null")]
    [InlineData("measurements", "[null]")]
    [InlineData("measurements", """[{ "workload": "pipelined", "server": "c-epoll", "number": 1 }]""")]
    [InlineData("measurements", """[{ "workload": "pipelined", "server": "c-epoll", "number": 1, "measured": null }]""")]
    [InlineData("measurements", """[{ "workload": "idle", "server": "c-epoll", "number": 1, "measured": { "seconds": 1, "generatorCpuSeconds": 1, "idleSteps": [] } }]""")]
    [InlineData("measurements", """[{ "workload": "pipelined", "server": "c-epoll", "number": 1, "measured": { "seconds": 1, "generatorCpuSeconds": 1, "fromSent": { "count": 1, "p50": 1, "p90": 1, "p99": 1, "p999": 1, "max": 1, "buckets": [null] } } }]""")]
    [InlineData("machine", "null")]
    [InlineData("absences", "null")]
    [InlineData("absences", "[null]")]
    [InlineData("servers", "[null]")]
    [InlineData("servers", "5")]
    [InlineData("workloads", "[null]")]
    [InlineData("durationSeconds", "1e300")]
    [InlineData("reference", "null")]
    public void A_file_of_the_right_shape_with_a_wrong_value_is_told(string field, string value)
    {
        string file = Path.Combine(_folder, "rounds.json");
        ComparisonFile.Write(file, Sample.Document);
        JsonNode document = JsonNode.Parse(File.ReadAllText(file))!;
        document[field] = JsonNode.Parse(value);
        File.WriteAllText(file, document.ToJsonString());
        using StringWriter output = new(), notes = new();
        Assert.Equal(1, new CommandLine(output, notes).Run(["report", "--json", file]));
        Assert.StartsWith($"lineperf: {file} is not what lineperf compare --json writes: ", notes.ToString());
    }

    [Theory]
    [InlineData("rounds.json", "rounds.json.gz")]
    [InlineData("rounds.json.gz", "rounds.json")]
    public void Whether_it_is_packed_is_seen_and_not_read_off_its_name(string name, string otherName)
    {
        ComparisonFile.Write(Path.Combine(_folder, name), Sample.Document);
        File.Move(Path.Combine(_folder, name), Path.Combine(_folder, otherName));
        Assert.Equal(Tables(Sample.Document), Tables(ComparisonFile.Read(Path.Combine(_folder, otherName))));
    }

    private static string[] Tables(ComparisonDocument document) => [.. ReportTables.Of(document).Select(table => table.Title + Markdown.Of(table))];
}
