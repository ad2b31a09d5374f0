using System.Globalization;
using System.Text;

namespace LineServer.Linux;

/// <summary>
/// Bytes of a line as a message of a client quotes them: printable ASCII as it is, LF, CR, tab, quote and backslash as in C, any other byte as \xNN. For
/// logs, which keep the text readable, there is <see cref="EscapedText"/>.
/// </summary>
internal static class EscapedBytes
{
    public static string Of(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        foreach (byte value in bytes)
        {
            _ = value switch
            {
                (byte)'\n' => text.Append("\\n"),
                (byte)'\r' => text.Append("\\r"),
                (byte)'\t' => text.Append("\\t"),
                (byte)'"' => text.Append("\\\""),
                (byte)'\\' => text.Append("\\\\"),
                >= 0x20 and < 0x7f => text.Append((char)value),
                _ => text.Append(CultureInfo.InvariantCulture, $"\\x{value:x2}"),
            };
        }

        return text.ToString();
    }
}
