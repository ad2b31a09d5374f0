using System.Buffers;

namespace LineServer.Client.Streams;

/// <summary>The name of a stream: 1 to 64 of <c>A-Z a-z 0-9 . _ -</c>, the first a letter or digit.</summary>
internal static class StreamName
{
    public const int MaxLength = 64;

    private static readonly SearchValues<char> Characters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    public static bool IsValid(string name) =>
        name.Length is >= 1 and <= MaxLength && char.IsAsciiLetterOrDigit(name[0]) && !name.AsSpan().ContainsAnyExcept(Characters);
}
