using System.Globalization;

namespace LineServer.Storage.Internal.Segments;

/// <summary>The names of segments: plain text, named by the number of their first line.</summary>
internal static class SegmentPath
{
    public const string Root = "lines";

    /// <summary>The end of a segment's name, compressed or not.</summary>
    public const string Extension = ".log";

    private const int Digits = 19;

    public static string DirectoryOf(string stream) => $"{Root}/{stream}";

    public static string Of(string stream, long firstLine) => $"{Root}/{stream}/{NameOf(firstLine)}";

    public static string NameOf(long firstLine) => firstLine.ToString("D19", CultureInfo.InvariantCulture) + Extension;

    /// <summary>The number of the first line of a segment; null if the name is none of a segment.</summary>
    public static long? FirstLineOf(string name) =>
        name.Length >= Digits + Extension.Length
        && name.AsSpan(Digits).StartsWith(Extension, StringComparison.Ordinal)
        && long.TryParse(name.AsSpan(0, Digits), NumberStyles.None, CultureInfo.InvariantCulture, out long line)
        && line > 0
            ? line
            : null;
}
