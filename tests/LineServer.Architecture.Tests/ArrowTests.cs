namespace LineServer.Architecture.Tests;

/// <summary>Who may know whom: the arrows of ARCHITECTURE.md.</summary>
public class ArrowTests
{
    // Projects, packages and frameworks that each project of src/ may name. A new project is added here, or fails.
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["LineServer.Framing"] = [],
        ["LineServer.Linux"] = [],
        ["LineServer.Connections.Abstractions"] = [],
        ["LineServer.Hosting"] = ["LineServer.Connections.Abstractions", "LineServer.Framing", "LineServer.Linux", "Microsoft.AspNetCore.App"],
        ["LineServer.Transports.Epoll"] = ["LineServer.Connections.Abstractions", "LineServer.Linux", "Microsoft.AspNetCore.App"],
        ["LineServer.Storage"] = ["LineServer.Framing", "LineServer.Linux", "ZstdSharp.Port"],
        ["LineServer.Storage.PostgreSql"] = ["LineServer.Framing", "LineServer.Storage", "Npgsql"],
        ["LineServer"] = ["LineServer.Hosting", "LineServer.Linux", "LineServer.Storage", "LineServer.Storage.PostgreSql", "LineServer.Transports.Epoll", "Microsoft.AspNetCore.App", "System.CommandLine"],
        ["LineServer.Client"] = ["LineServer.Framing", "LineServer.Linux", "System.CommandLine", "Spectre.Console"],
    };

    public static TheoryData<string> Projects => [.. Repository.SourceProjects];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_names_only_what_its_arrows_allow(string project)
    {
        Assert.True(Allowed.ContainsKey(project), $"{project} has no entry: who may it know?");
        Assert.Empty(Repository.DeclaredReferences(project).Except(Allowed[project], StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_knows_of_ours_only_what_its_arrows_reach(string project)
    {
        HashSet<string> reachable = Reach(project);
        IEnumerable<string> ours = Repository.CompiledReferences(project).Where(name => name.StartsWith("LineServer", StringComparison.Ordinal));
        Assert.Empty(ours.Except(reachable, StringComparer.Ordinal));
    }

    [Fact]
    public void Nothing_knows_the_programs()
    {
        Assert.All(Repository.SourceProjects, project =>
        {
            Assert.DoesNotContain("LineServer", Repository.DeclaredReferences(project));
            Assert.DoesNotContain("LineServer.Client", Repository.DeclaredReferences(project));
        });
    }

    [Fact]
    public void Framing_sees_no_socket_no_pipe_and_starts_no_task()
    {
        HashSet<string> references = Repository.CompiledReferences("LineServer.Framing");
        Assert.NotEmpty(references);
        Assert.DoesNotContain(references, name => name.StartsWith("System.Net", StringComparison.Ordinal));
        Assert.DoesNotContain("System.IO.Pipelines", references);
        Assert.DoesNotContain(references, name => name.StartsWith("Microsoft.", StringComparison.Ordinal));
        Assert.DoesNotContain(
            Repository.SourceFiles("src/LineServer.Framing"),
            path => File.ReadAllText(path) is var text && (text.Contains("Task", StringComparison.Ordinal) || text.Contains("new Thread", StringComparison.Ordinal)));
    }

    private static HashSet<string> Reach(string project)
    {
        var reached = new HashSet<string>(StringComparer.Ordinal);
        var todo = new Queue<string>([project]);
        while (todo.TryDequeue(out string? next))
        {
            foreach (string reference in Allowed.GetValueOrDefault(next, []).Where(reached.Add))
            {
                todo.Enqueue(reference);
            }
        }

        return reached;
    }
}
