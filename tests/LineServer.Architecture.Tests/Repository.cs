using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;

namespace LineServer.Architecture.Tests;

/// <summary>The checkout that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Metadata("RepositoryRoot");

    private static string Configuration { get; } = Metadata("Configuration");

    /// <summary>The names of the projects of <c>src/</c>.</summary>
    public static IEnumerable<string> SourceProjects =>
        Directory.GetDirectories(Path.Combine(Root, "src")).Select(path => Path.GetFileName(path)!).Where(name => File.Exists(ProjectFile(name)));

    /// <summary>What a project of <c>src/</c> says it references: projects, packages, frameworks.</summary>
    public static HashSet<string> DeclaredReferences(string project) =>
        [.. XDocument.Load(ProjectFile(project)).Descendants()
            .Where(element => element.Name.LocalName is "ProjectReference" or "PackageReference" or "FrameworkReference")
            .Select(element => NameOf(element.Attribute("Include")!.Value))];

    /// <summary>What a project's compiled assembly does reference.</summary>
    public static HashSet<string> CompiledReferences(string project)
    {
        string name = XDocument.Load(ProjectFile(project)).Descendants("AssemblyName").FirstOrDefault()?.Value ?? project;
        using FileStream file = File.OpenRead(Path.Combine(Root, "src", project, "bin", Configuration, "net10.0", $"{name}.dll"));
        using var assembly = new PEReader(file);
        MetadataReader metadata = assembly.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))];
    }

    /// <summary>The tracked kind of files: sources, not what a build left.</summary>
    public static IEnumerable<string> SourceFiles(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal));

    private static string ProjectFile(string project) => Path.Combine(Root, "src", project, $"{project}.csproj");

    private static string Metadata(string key) =>
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;

    private static string NameOf(string include) =>
        include.EndsWith(".csproj", StringComparison.Ordinal) ? Path.GetFileNameWithoutExtension(include) : include;
}
