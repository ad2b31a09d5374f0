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

        // Counted messages, and lines that look like them.
        "3 abc", "3 abc2 de", "1 a1 \n1 \0", "4 abcd4 a\nbc", "2 a\n3 a\r\n2 \r\n", "4 ab\r\n1 \r", "3 a\rb2 \n\n", "3 abc\n2 de\n\n1 f",
        "3 abc\r\n1 d", "1 a\n\n<a>\n1 b<b>\r\n1 c\n", "<a>\n3 abc<b>\n\n2 de", "4 ab", "4 ", "4", "3 abc4", "3 abc4 d", "3 abc\n",
        "5 abcde2 fg", "5 abcde\n2 fg\n", "12 abcdefghijkl\n1 m", "5 ab", "5 abcd", "5 abcde", "9 \n\n\n\n\n\n\n\n\nok\n", "1 a5 bcd\r\n1 e",
        "0 \n", "0 a\n", "01 a\n", "1", "12a\n", "1\n2\n1 a", "2024-01-01\n", " 1 a\n", "1a\n1 b", "1 abc\n1 d\n", "-1 a\n", "1\t\n", "1  1 a",
        "9999999999 ab\n", "99999999999 ab\n", "4294967297 a\n", "1234567890\n1 a", "12345678901\n1 a", "12345", "12345\r\n", "1 a12345678901",
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
        (Counted(Of(62), Of(63) + "\n", Of(64), "\n\n", Of(65)) + Lines(63, 64) + Counted(Of(60) + "\r\n"), 64),
        (Counted(Lines(10, 20, 30), Of(100), Lines(99) + "\r\n") + Of(70) + "\n" + Counted(Of(200)) + "\n" + Lines(5), 100),
    ];

    /// <summary>Streams of several KiB: more delimiters than one sweep holds.</summary>
    public static readonly (string Stream, int Limit)[] Huge =
    [
        (new string('\n', 5000), 16),
        (new string('\n', 1000) + Of(100) + new string('\n', 1000), 16),
        (string.Concat(Enumerable.Repeat("\r\n", 2000)), 16),
        (string.Concat(Enumerable.Repeat("key 1234\n", 600)) + Of(3000) + "\n" + string.Concat(Enumerable.Repeat("\n", 600)), 2000),
        (Lines([.. Enumerable.Range(0, 130)]), 100),
        (Counted([.. Enumerable.Range(1, 300).Select(length => length % 7 == 0 ? Of(length % 90) + "\n" : Of((length % 90) + 1))]) + Counted(Lines(3000)), 80),
    ];

    /// <summary>
    /// Each behaviour with each other; LF, and NUL with LF and NUL in the stream exchanged; counted messages beside lines, unless a long stream has
    /// none, and alone if the stream begins with one.
    /// </summary>
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
                if (stream.Length < 64 || stream.Any(char.IsAsciiDigit))
                {
                    yield return new StreamPlayer(bytes, format with { Mode = FramingMode.Auto });
                }

                if (stream.Length > 0 && char.IsAsciiDigit(stream[0]))
                {
                    yield return new StreamPlayer(bytes, format with { Mode = FramingMode.OctetCounted });
                }
            }
        }
    }

    private static string Of(int length) => string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + (i % 26))));

    private static string Counted(params string[] messages) => string.Concat(messages.Select(message => $"{message.Length} {message}"));

    private static string Lines(params int[] lengths) => string.Concat(lengths.Select(length => Of(length) + "\n"));
}
