using LineServer.Perf.Comparing;
using LineServer.Perf.Reporting;
using LineServer.Perf.Servers;

namespace LineServer.Perf.Tests.Reporting;

/// <summary>What the documents say of speed is what was measured.</summary>
public class DocumentTests
{
    [Fact]
    public void Every_marked_table_is_what_the_committed_measurement_gives()
    {
        IReadOnlyList<ReportTable> tables = ReportTables.Of(ComparisonFile.Read(Path.Combine(Checkout.Root, "docs/performance.json.gz")));
        string[] documents = [.. new[] { Path.Combine(Checkout.Root, "README.md") }.Concat(Directory.GetFiles(Path.Combine(Checkout.Root, "docs"), "*.md"))
            .Where(path => File.ReadAllLines(path).Any(line => line.StartsWith("<!-- lineperf:begin ", StringComparison.Ordinal)))];
        Assert.Contains(documents, path => Path.GetFileName(path) == "README.md");

        // Where they differ: lineperf report --json docs/performance.json.gz --into README.md
        Assert.All(documents, path => Assert.Equal(File.ReadAllText(path), MarkedSections.Fill(path, File.ReadAllText(path), tables)));
    }
}
