using System.Buffers.Binary;
using System.Numerics;

namespace LineServer.Framing;

/// <summary>
/// The Castagnoli CRC (RFC 3720, appendix B.4), which guards stored lines. The processor has an instruction for it.
/// </summary>
public static class Crc32C
{
    /// <summary>The CRC of all bytes so far, followed by more.</summary>
    /// <param name="crc">The CRC of the bytes so far; 0 for none.</param>
    /// <param name="bytes">The bytes that follow.</param>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        crc = ~crc;
        while (bytes.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        foreach (byte b in bytes)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }

    /// <summary>The CRC of <paramref name="bytes"/>.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes) => Append(0, bytes);
}
