using System.Buffers;
using System.Globalization;
using System.Text;

namespace LineServer.Linux;

/// <summary>
/// Escapes foreign text for a log or a terminal. The result is one line without control characters, and no
/// two texts escape to the same result. Printable characters and tabs stay; a backslash is doubled; any other
/// byte becomes <c>\xNN</c>, and other characters <c>\uNNNN</c>.
/// </summary>
internal static class EscapedText
{
    /// <summary>Escapes bytes, including those that are not UTF-8.</summary>
    public static void Write(ReadOnlySpan<byte> bytes, IBufferWriter<byte> output)
    {
        while (!bytes.IsEmpty)
        {
            int plain = PlainLength(bytes);
            if (plain > 0)
            {
                output.Write(bytes[..plain]);
                bytes = bytes[plain..];
                continue;
            }

            OperationStatus status = Rune.DecodeFromUtf8(bytes, out Rune rune, out int length);
            if (status == OperationStatus.Done && rune.Value > 0x7F && IsPrintable(rune))
            {
                output.Write(bytes[..length]);
            }
            else
            {
                WriteEscaped(bytes[..length], output);
            }

            bytes = bytes[length..];
        }
    }

    /// <summary>Escapes a string.</summary>
    /// <param name="text">The text.</param>
    /// <param name="doublesBackslash">
    /// False for a text of our own that only contains foreign names: an operator should be able to find those
    /// again, so a backslash stays single.
    /// </param>
    public static string Of(string text, bool doublesBackslash = false)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            _ = rune.Value switch
            {
                '\\' when doublesBackslash => escaped.Append(@"\\"),
                '\t' => escaped.Append('\t'),
                < 0x80 when Rune.IsControl(rune) => escaped.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:X2}"),
                _ when IsPrintable(rune) => escaped.Append(rune.ToString()),
                _ => escaped.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:X4}"),
            };
        }

        return escaped.ToString();
    }

    private static int PlainLength(ReadOnlySpan<byte> bytes)
    {
        int length = 0;
        while (length < bytes.Length
            && (bytes[length] is >= 0x20 and < 0x7F and not (byte)'\\' || bytes[length] == (byte)'\t'))
        {
            length++;
        }

        return length;
    }

    // Some viewers break lines at line and paragraph separators. Format characters can reverse the order of a
    // line.
    private static bool IsPrintable(Rune rune) => Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
        or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned);

    private static void WriteEscaped(ReadOnlySpan<byte> bytes, IBufferWriter<byte> output)
    {
        foreach (byte value in bytes)
        {
            if (value == (byte)'\\')
            {
                output.Write(@"\\"u8);
                continue;
            }

            Span<byte> escape = output.GetSpan(4)[..4];
            escape[0] = (byte)'\\';
            escape[1] = (byte)'x';
            escape[2] = (byte)Digit(value >> 4);
            escape[3] = (byte)Digit(value & 0xF);
            output.Advance(4);
        }
    }

    private static char Digit(int value) => (char)(value < 10 ? '0' + value : 'A' + value - 10);
}
