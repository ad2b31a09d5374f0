using LineServer.Linux;

namespace LineServer.Perf.Load;

/// <summary>Formats bytes for messages: the first 80, escaped.</summary>
internal static class Escaped
{
    private const int Longest = 80;

    public static string Text(ReadOnlySpan<byte> bytes) => EscapedBytes.Of(bytes[..Math.Min(bytes.Length, Longest)]);
}
