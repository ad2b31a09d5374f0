using LineServer.Linux;

namespace LineServer.Perf.Load;

/// <summary>Bytes as a message shows them: the first 80, escaped.</summary>
internal static class Escaped
{
    private const int Longest = 80;

    public static string Text(ReadOnlySpan<byte> bytes) => EscapedBytes.Of(bytes[..Math.Min(bytes.Length, Longest)]);
}
