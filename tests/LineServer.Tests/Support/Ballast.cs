namespace LineServer.Tests.Support;

/// <summary>A file that takes the room of a file system, until it is removed.</summary>
internal static class Ballast
{
    /// <summary>Leaves so much room.</summary>
    public static async Task LeaveAsync(string fileSystem, int mebibytes)
    {
        long size = new DriveInfo(fileSystem).TotalFreeSpace - (mebibytes * 1024L * 1024);
        FinishedProcess filled = await Tool.RunAsync("fallocate", "--length", $"{size}", In(fileSystem));
        Assert.Equal((0, ""), (filled.Status, filled.Error));
    }

    public static void Remove(string fileSystem) => File.Delete(In(fileSystem));

    private static string In(string fileSystem) => Path.Combine(fileSystem, "ballast");
}
