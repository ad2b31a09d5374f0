using System.Buffers;
using System.Text;

namespace LineServer.Framing;

/// <summary>The rule for names of streams. A name is also the name of the stream's directory.</summary>
public static class StreamName
{
    /// <summary>The most characters of a name.</summary>
    public const int MaxLength = 64;

    private static readonly SearchValues<byte> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"u8);

    /// <summary>
    /// True for 1 to 64 of <c>A-Z a-z 0-9 . _ -</c>, the first a letter or digit. So <c>..</c> is none.
    /// </summary>
    public static bool IsValid(ReadOnlySpan<byte> name) =>
        name.Length is > 0 and <= MaxLength && char.IsAsciiLetterOrDigit((char)name[0]) && !name.ContainsAnyExcept(Allowed);

    /// <inheritdoc cref="IsValid(ReadOnlySpan{byte})"/>
    public static bool IsValid(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.Length <= MaxLength && Ascii.IsValid(name) && IsValid(Encoding.ASCII.GetBytes(name));
    }
}
