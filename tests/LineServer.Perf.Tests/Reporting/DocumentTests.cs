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
        string[] documents = [.. new[] { Path.Combine(Checkout.Root, "README.md") }.Concat(Directory.GetFiles(Path.Combine(Checkout.Root, "docs"), "*.md"))
            .Where(path => File.ReadAllLines(path).Any(line => line.StartsWith("<!-- lineperf:begin ", StringComparison.Ordinal)))];
        Assert.Contains(documents, path => Path.GetFileName(path) == "README.md");

        // Where they differ: lineperf report --json docs/performance.json.gz --into README.md
        Assert.All(documents, path => Assert.Equal(File.ReadAllText(path), MarkedSections.Fill(path, File.ReadAllText(path), TablesFor(path))));
    }

    // A document whose measurement is its own has it beside it.
    private static IReadOnlyList<ReportTable> TablesFor(string path)
    {
        string own = Path.ChangeExtension(path, ".json");
        return ReportTables.Of(ComparisonFile.Read(File.Exists(own) ? own : Path.Combine(Checkout.Root, "docs/performance.json.gz")));
    }
}
