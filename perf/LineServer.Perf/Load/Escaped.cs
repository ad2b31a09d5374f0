using System.Text;

namespace LineServer.Perf.Load;

/// <summary>Bytes as they can be shown in a message.</summary>
internal static class Escaped
{
    private const int Longest = 80;

    /// <summary>The first 80: what is printable as it is, LF as \n, the rest as \xNN.</summary>
    public static string Text(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder();
        foreach (byte b in bytes[..Math.Min(bytes.Length, Longest)])
        {
            _ = b switch
            {
                (byte)'\n' => text.Append("\\n"),
                >= 0x20 and < 0x7F => text.Append((char)b),
                _ => text.Append($"\\x{b:x2}"),
            };
        }

        return text.ToString();
    }
}
