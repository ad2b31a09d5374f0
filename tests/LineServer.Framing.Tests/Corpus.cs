using System.Text;

namespace LineServer.Framing.Tests;

/// <summary>Streams, and the rules that each is read by.</summary>
internal static class Corpus
{
    /// <summary>Streams of a few bytes, for a limit of four.</summary>
    public static readonly string[] Small =
    [
        "", "\n", "\n\n\n", "a\n", "a\nb\n", "abc", "a\n\nb\n\n", "abcd\nabcd\nabcd\n",
        "\r\n", "a\r\n", "\r\r\n", "\ra\n", "a\rb\n", "\r", "a\r", "a\n\r", "\r\n\r\n", "a\r\r\r\n", "\n\r\n\r", "a\r\nb\nc",
        "abcd\r\n", "abcd\r\r\n", "abcd\rx\n", "abcd\rxyz\nok\n", "abcd\r", "ok\nabcd\r", "abcd\rx", "abcd\r\r", "abc\r\r\n", "abc\r\r",
        "abcde\nok\n", "abcde\r\nok\r\n", "abcdefghijkl\nok\n", "ok\nabcde\nok\n", "ok\nabcdefghijkl\nok\nok\n", "ok\nabcde", "ok\nabcdefghijkl",
        "abcde\nfghij\nklmno\n", "abcde\n\nfghij\n\n", "abcdefghijkl\nabcdefghijkl", "abcde\r", "abcdefgh\rij\r\nok\n", "\r\r\r\r\r\r\n\r\n",
        "a\0b\n\0\n\0", "\xFF\xFE\n\x80\n\xC3\x28\r\n", "\xC3\n\x8A\n\x0B\n\x0D\n\x8D\n", "abcd\0", "\0\r\n", "abcd\0\r\n",
    ];

    /// <summary>Streams that fill blocks of 64 bytes, with limits at which something in them happens.</summary>
    public static readonly (string Stream, int Limit)[] Large =
    [
        (Lines(62, 63, 64, 65, 66), 64),
        (Lines(127, 128, 129, 63), 128),
        (Lines(63, 63, 63) + Of(64), 63),
        (Lines(0, 64, 0, 0, 64, 1), 64),
        (Of(63) + "\r\n" + Of(64) + "\r\n" + Of(62) + "\r\n" + Of(61) + "\r", 63),
        (Of(64) + "\r" + Of(3) + "\n" + Of(64) + "\r\n\r\n", 64),
        (new string('\n', 64) + Of(64) + new string('\n', 65), 64),
        (new string('\r', 130) + "\n", 128),
        (Of(300) + "\n" + Lines(10, 20) + Of(300), 100),
        (Lines(100, 100, 100), 1000),
        (Lines([.. Enumerable.Range(0, 25)]), 20),
        (string.Concat(Enumerable.Repeat("a\n", 300)), 4),
        (string.Concat(Enumerable.Repeat("a\r\nabcdef\n", 90)), 4),
    ];

    /// <summary>Streams of several KiB: more delimiters than one sweep holds.</summary>
    public static readonly (string Stream, int Limit)[] Huge =
    [
        (new string('\n', 5000), 16),
        (new string('\n', 1000) + Of(100) + new string('\n', 1000), 16),
        (string.Concat(Enumerable.Repeat("\r\n", 2000)), 16),
        (string.Concat(Enumerable.Repeat("key 1234\n", 600)) + Of(3000) + "\n" + string.Concat(Enumerable.Repeat("\n", 600)), 2000),
        (Lines([.. Enumerable.Range(0, 130)]), 100),
    ];

    /// <summary>Each behaviour with each other; LF, and NUL with LF and NUL in the stream exchanged.</summary>
    public static IEnumerable<StreamPlayer> Players(string stream, int limit)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(stream);
        byte[] exchanged = [.. bytes.Select(b => b switch { (byte)'\n' => (byte)0, 0 => (byte)'\n', _ => b })];
        foreach (OversizeLineBehavior oversize in Enum.GetValues<OversizeLineBehavior>())
        {
            foreach (IncompleteLineBehavior incomplete in Enum.GetValues<IncompleteLineBehavior>())
            {
                LineFormat format = new() { MaxLineSize = limit, OversizeLineBehavior = oversize, IncompleteLineBehavior = incomplete };
                yield return new StreamPlayer(bytes, format);
                yield return new StreamPlayer(exchanged, format with { Delimiter = 0 });
            }
        }
    }

    private static string Of(int length) => string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + (i % 26))));

    private static string Lines(params int[] lengths) => string.Concat(lengths.Select(length => Of(length) + "\n"));
}
