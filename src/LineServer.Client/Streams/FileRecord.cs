using System.Globalization;
using System.Runtime.InteropServices;

namespace LineServer.Client.Streams;

/// <summary>What is remembered of a sent file, so that a later run finds it again, under whatever name.</summary>
/// <param name="Device">The file's device number.</param>
/// <param name="Inode">Its inode number. That may have been given to another file since; the head tells.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="HeadLength">The number of bytes at its start that <paramref name="HeadHash"/> covers.</param>
/// <param name="HeadHash">The SHA-256 of its head, as hex digits.</param>
/// <param name="Lines">The number of the stream's lines before the file's first.</param>
/// <param name="Crc">The CRC-32C of those.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct FileRecord(ulong Device, ulong Inode, long Length, int HeadLength, string HeadHash, long Lines, uint Crc)
{
    /// <summary>One line of words.</summary>
    public string ToText() =>
        string.Create(CultureInfo.InvariantCulture, $"{Device} {Inode} {Length} {HeadLength} {HeadHash} {Lines} {Crc:x8}");

    /// <exception cref="FormatException">The text is none of <see cref="ToText"/>.</exception>
    public static FileRecord Parse(string text)
    {
        string[] words = text.Split(' ');
        return words.Length == 7
            ? new(
                ulong.Parse(words[0], NumberStyles.None, CultureInfo.InvariantCulture),
                ulong.Parse(words[1], NumberStyles.None, CultureInfo.InvariantCulture),
                long.Parse(words[2], NumberStyles.None, CultureInfo.InvariantCulture),
                int.Parse(words[3], NumberStyles.None, CultureInfo.InvariantCulture),
                words[4],
                long.Parse(words[5], NumberStyles.None, CultureInfo.InvariantCulture),
                uint.Parse(words[6], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture))
            : throw new FormatException();
    }
}
