using System.Text;
using LineServer.Framing;
using LineServer.Storage.Internal.Files;

namespace LineServer.Storage.Internal;

/// <summary>Small files of text that are replaced as a whole.</summary>
internal static class TextFile
{
    public static string Read(IStoreFiles files, string path)
    {
        using IStoreFile file = files.OpenRead(path);
        byte[] bytes = new byte[file.Length];
        int read = file.Read(bytes, 0);
        return Encoding.ASCII.GetString(bytes, 0, read);
    }

    /// <summary>Adds a last line: the checksum of those before it.</summary>
    public static string WithChecksum(string text) => $"{text}crc32c {Crc32C.Of(Encoding.ASCII.GetBytes(text)):x8}\n";

    /// <summary>True if the last line is the checksum of those before it.</summary>
    public static bool IsWhole(string text)
    {
        int lastLine = text.LastIndexOf('\n', Math.Max(text.Length - 2, 0)) + 1;
        return text == WithChecksum(text[..lastLine]);
    }

    /// <summary>A crash at any moment leaves the old file or the new one, whole.</summary>
    public static void Replace(IStoreFiles files, string path, string newPath, string text)
    {
        using (IStoreFile file = files.Open(newPath))
        {
            file.SetLength(0);
            file.Write([Encoding.ASCII.GetBytes(text)], 0);
            file.Sync();
        }

        files.Rename(newPath, path);
        files.SyncDirectory(string.Empty);
    }
}
