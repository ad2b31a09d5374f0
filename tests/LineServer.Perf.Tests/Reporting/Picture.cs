using System.Buffers.Binary;
using System.IO.Compression;

namespace LineServer.Perf.Tests.Reporting;

/// <summary>
/// The pixels of a PNG file. It reads what a browser's screenshot uses of the format: colours with eight bits per channel,
/// not interlaced.
/// </summary>
internal sealed class Picture
{
    private const int SignatureSize = 8;
    private readonly byte[] _pixels;
    private readonly int _channels;

    private Picture(int width, int height, int channels, byte[] pixels) => (Width, Height, _channels, _pixels) = (width, height, channels, pixels);

    public int Width { get; }

    public int Height { get; }

    public static Picture Decode(byte[] png)
    {
        using var packed = new MemoryStream();
        int width = 0, height = 0, channels = 0;
        for (int place = SignatureSize; place < png.Length;)
        {
            // A chunk: length, type, that many bytes, checksum.
            int length = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(place));
            ReadOnlySpan<byte> type = png.AsSpan(place + 4, 4), data = png.AsSpan(place + 8, length);
            if (type.SequenceEqual("IHDR"u8))
            {
                (width, height) = (BinaryPrimitives.ReadInt32BigEndian(data), BinaryPrimitives.ReadInt32BigEndian(data[4..]));
                channels = (data[8], data[9], data[12]) switch { (8, 2, 0) => 3, (8, 6, 0) => 4, _ => throw new InvalidDataException("a PNG of another kind") };
            }
            else if (type.SequenceEqual("IDAT"u8))
            {
                packed.Write(data);
            }

            place += length + 12;
        }

        packed.Position = 0;
        using var rows = new ZLibStream(packed, CompressionMode.Decompress);
        return new(width, height, channels, Unfilter(rows, width * channels, height, channels));
    }

    /// <summary>Red, green and blue as one number.</summary>
    public int this[int x, int y]
    {
        get
        {
            int place = ((y * Width) + x) * _channels;
            return (_pixels[place] << 16) | (_pixels[place + 1] << 8) | _pixels[place + 2];
        }
    }

    public int CountColours() => Enumerable.Range(0, Width * Height).Select(i => this[i % Width, i / Width]).Distinct().Count();

    // Each row begins with its filter, the way it was predicted from its neighbours: left (a), above (b), above and
    // left (c).
    private static byte[] Unfilter(Stream rows, int rowSize, int height, int channels)
    {
        byte[] pixels = new byte[rowSize * height];
        for (int y = 0; y < height; y++)
        {
            int filter = rows.ReadByte();
            Span<byte> row = pixels.AsSpan(y * rowSize, rowSize);
            ReadOnlySpan<byte> above = y == 0 ? new byte[rowSize] : pixels.AsSpan((y - 1) * rowSize, rowSize);
            rows.ReadExactly(row);
            for (int x = 0; x < rowSize; x++)
            {
                byte a = x < channels ? (byte)0 : row[x - channels], b = above[x], c = x < channels ? (byte)0 : above[x - channels];
                row[x] += filter switch { 0 => 0, 1 => a, 2 => b, 3 => (byte)((a + b) / 2), _ => Nearest(a, b, c) };
            }
        }

        return pixels;
    }

    private static byte Nearest(byte a, byte b, byte c)
    {
        int fromA = Math.Abs(b - c), fromB = Math.Abs(a - c), fromC = Math.Abs(a + b - (2 * c));
        return fromA <= fromB && fromA <= fromC ? a : fromB <= fromC ? b : c;
    }
}
