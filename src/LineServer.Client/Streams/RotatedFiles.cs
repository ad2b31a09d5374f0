using System.Text.RegularExpressions;
using LineServer.Linux;

namespace LineServer.Client.Streams;

/// <summary>
/// Finds the files that a log was rotated to: in its directory, named as the log with a number or a date behind, as in
/// <c>app.log.1</c> or <c>app.log-20261130</c>.
/// </summary>
internal static partial class RotatedFiles
{
    /// <summary>The rotated file that was remembered; null if it is not there.</summary>
    public static InputFile? Find(string path, FileRecord record) =>
        Enumerate(path).Select(TryOpen).FirstOrDefault(file => file is not null && IsOrDispose(file, record));

    /// <summary>
    /// The path of the rotated file that was written next after a part of the stream: the oldest of those that are newer.
    /// Null if there is none, so that the log itself is next.
    /// </summary>
    public static string? Next(string path, FilePart last, Func<FileIdentity, bool> isKnown) =>
        Enumerate(path)
            .Where(other => File.GetLastWriteTimeUtc(other) > last.Modified && FileIdentity.OfPath(other) is { IsSocket: false } identity && !isKnown(identity))
            .MinBy(File.GetLastWriteTimeUtc);

    /// <summary>True if a rotated file is not the plain text that was written.</summary>
    public static bool IsCompressed(string path) => CompressedPattern().IsMatch(path);

    private static IEnumerable<string> Enumerate(string path)
    {
        string full = Path.GetFullPath(path);
        string name = Path.GetFileName(full);
        return Directory.EnumerateFiles(Path.GetDirectoryName(full)!, name + "?*")
            .Where(other => RotatedPattern().IsMatch(Path.GetFileName(other)[name.Length..]));
    }

    private static InputFile? TryOpen(string path)
    {
        try
        {
            return InputFile.Open(path);
        }
        catch (IOException)
        {
            return null; // removed or rotated again meanwhile
        }
    }

    private static bool IsOrDispose(InputFile file, in FileRecord record)
    {
        bool isIt = file.IsRereadable && FilePart.IsRemembered(file, record);
        if (!isIt)
        {
            file.Handle.Dispose();
        }

        return isIt;
    }

    [GeneratedRegex(@"^[.\-_]\d[\d.\-_:T]*(\.(gz|xz|bz2|zst|lz4))?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex RotatedPattern();

    [GeneratedRegex(@"\.(gz|xz|bz2|zst|lz4)$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex CompressedPattern();
}
