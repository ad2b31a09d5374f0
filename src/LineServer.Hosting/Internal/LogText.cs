using System.Text;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Makes a client's bytes safe for a log: escapes everything but printable ASCII, and the backslash and the
/// quote.
/// </summary>
internal static class LogText
{
    public static string Escape(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        foreach (byte b in bytes)
        {
            if (b is >= 0x20 and < 0x7F and not (byte)'\\' and not (byte)'"')
            {
                text.Append((char)b);
            }
            else
            {
                text.Append($"\\x{b:X2}");
            }
        }

        return text.ToString();
    }
}
