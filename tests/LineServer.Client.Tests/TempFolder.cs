namespace LineServer.Client.Tests;

/// <summary>A folder for one test, deleted after it.</summary>
internal sealed class TempFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lineclient-");

    public string PathOf(string name) => Path.Combine(_folder.FullName, name);

    /// <summary>Writes a file. Returns its path.</summary>
    public string Write(string name, string content)
    {
        File.WriteAllText(PathOf(name), content, System.Text.Encoding.Latin1);
        return PathOf(name);
    }

    /// <summary>Writes a file. Returns its path.</summary>
    public string Write(string name, byte[] content)
    {
        File.WriteAllBytes(PathOf(name), content);
        return PathOf(name);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
