using System.Text;

namespace LineServer.Client.Streams;

/// <summary>Replaces small text files so that a reader finds the old text or the new one, and nothing between.</summary>
internal static class DurableFile
{
    /// <summary>Writes the new text beside the file and renames it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="text">Its new text.</param>
    /// <param name="survivesPowerCut">Wait until text and name are on the disk.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Replace(string path, string text, bool survivesPowerCut)
    {
        string next = path + ".tmp";
        using (FileStream file = File.Create(next))
        {
            file.Write(Encoding.UTF8.GetBytes(text));
            file.Flush(survivesPowerCut);
        }

        File.Move(next, path, overwrite: true);
        if (survivesPowerCut)
        {
            Posix.SyncFolder(Path.GetDirectoryName(path)!);
        }
    }
}
