using System.Buffers.Text;
using System.Text;

namespace LineServer.Benchmarks.Shapes;

/// <summary>The work of the protocol "counter": each line is a name, its reply is how often it has come.</summary>
internal sealed class Counters
{
    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    public Counters() => _lookup = _counts.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Counts, and writes the count as text.</summary>
    /// <returns>The bytes written.</returns>
    public int Count(ReadOnlySpan<byte> name, Span<byte> text)
    {
        Span<char> chars = stackalloc char[128];
        ReadOnlySpan<char> key = chars[..Encoding.ASCII.GetChars(name, chars)];
        int count = _lookup.TryGetValue(key, out int known) ? known + 1 : 1;
        _lookup[key] = count;
        Utf8Formatter.TryFormat(count, text, out int written);
        return written;
    }
}
