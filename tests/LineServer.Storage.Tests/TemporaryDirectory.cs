namespace LineServer.Storage.Tests;

/// <summary>A directory of a test, removed at its end.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("lineserver-store-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
