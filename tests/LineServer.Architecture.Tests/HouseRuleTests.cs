using System.Text.RegularExpressions;

namespace LineServer.Architecture.Tests;

/// <summary>Habits that a machine can watch over.</summary>
public partial class HouseRuleTests
{
    [Fact]
    public void No_folder_is_named_for_nothing_in_particular()
    {
        string[] names = ["Helpers", "Helper", "Utils", "Util", "Utilities", "Managers", "Common", "Misc"];
        Assert.DoesNotContain(
            Directory.EnumerateDirectories(Path.Combine(Repository.Root, "src"), "*", SearchOption.AllDirectories),
            path => names.Contains(Path.GetFileName(path), StringComparer.OrdinalIgnoreCase));
    }

    [Fact]
    public void A_source_file_is_named_for_the_type_in_it()
    {
        string[] misnamed = [.. Repository.SourceFiles("src").Where(path =>
        {
            string name = Path.GetFileNameWithoutExtension(path).Split('.')[0];
            return name != "Program" && !Regex.IsMatch(File.ReadAllText(path), $@"\b(class|struct|record|enum|interface|void)\s+(struct\s+)?{Regex.Escape(name)}\b", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
        })];
        Assert.Empty(misnamed);
    }

    [Fact]
    public void Every_package_has_one_exact_version()
    {
        string versions = File.ReadAllText(Path.Combine(Repository.Root, "Directory.Packages.props"));
        Assert.All(VersionPattern().Matches(versions).Select(match => match.Groups["version"].Value), version => Assert.Matches(@"^\d+\.\d+\.\d+$", version));
        Assert.NotEmpty(VersionPattern().Matches(versions));
    }

    [Fact]
    public void Every_decision_that_a_source_names_is_written_down()
    {
        IEnumerable<string> named = Repository.SourceFiles("src").SelectMany(path => DecisionPattern().Matches(File.ReadAllText(path)).Select(match => match.Value));
        Assert.All(named.Distinct(StringComparer.Ordinal), path => Assert.True(File.Exists(Path.Combine(Repository.Root, path)), path));
    }

    [GeneratedRegex(@"Version=""(?<version>[^""]+)""", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex VersionPattern();

    [GeneratedRegex(@"docs/decisions/\d{4}-[a-z0-9-]+\.md", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex DecisionPattern();
}
