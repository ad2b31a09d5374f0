using System.Text;
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
