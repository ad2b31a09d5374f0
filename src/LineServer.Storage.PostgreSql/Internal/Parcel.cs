using System.Buffers;
using LineServer.Framing;

namespace LineServer.Storage.PostgreSql.Internal;

/// <summary>Lines of a stream that wait, or are on their way: what one row will hold.</summary>
internal sealed class Parcel(long first, uint crc)
{
    private const int SmallestSize = 4096;

    private byte[] _text = [];
    private int _length;

    public long First { get; private set; } = first;

    public int Lines { get; private set; }

    public long Last => First + Lines - 1;

    public int Length => _length;

    /// <summary>The stream's checksum before its lines.</summary>
    public uint CrcBefore { get; private set; } = crc;

    /// <summary>The stream's checksum behind them.</summary>
    public uint Crc { get; private set; } = crc;

    /// <summary>True once it was given to the engine: it is sent again as it is.</summary>
    public bool IsSealed { get; set; }

    public ReadOnlyMemory<byte> Text => _text.AsMemory(0, _length);

    public void Add(ReadOnlySpan<byte> lines, int count)
    {
        if (_text.Length - _length < lines.Length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(SmallestSize, Math.Max(_length + lines.Length, 4 * _length)));
            Text.Span.CopyTo(larger);
            Free();
            _text = larger;
        }

        lines.CopyTo(_text.AsSpan(_length));
        _length += lines.Length;
        Lines += count;
        Crc = Crc32C.Append(Crc, lines);
    }

    /// <summary>Its lines follow others now.</summary>
    public void MoveBehind(long count, uint crc)
    {
        First = count + 1;
        CrcBefore = crc;
        Crc = Crc32C.Append(crc, Text.Span);
    }

    /// <summary>Gives its memory back. Not while the engine may read it.</summary>
    public void Free()
    {
        if (_text.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_text);
            _text = [];
        }
    }
}
