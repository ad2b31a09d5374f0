using System.Runtime.CompilerServices;

namespace LineServer.Transports.Clients;

/// <summary>
/// The bytes of one stream: another one for each seed, and each byte depends on where it stands. So what is lost, doubled, swapped or another
/// connection's is seen.
/// </summary>
public sealed class BytePattern(ulong seed)
{
    /// <summary>Writes the bytes that stand at <paramref name="offset"/> and after.</summary>
    public void Fill(Span<byte> bytes, long offset)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = At(offset + i);
        }
    }

    /// <summary>The first place that differs, or −1.</summary>
    public int Differs(ReadOnlySpan<byte> bytes, long offset)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            if (bytes[i] != At(offset + i))
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>Throws, and says where, if these are not the bytes of the stream.</summary>
    public void Check(ReadOnlySpan<byte> bytes, long offset)
    {
        int at = Differs(bytes, offset);
        if (at >= 0)
        {
            throw new InvalidDataException($"Byte {offset + at} of stream {seed} is {bytes[at]}, not {At(offset + at)}.");
        }
    }

    // 8 bytes of the stream from one multiplication; a period of 2^64 words.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte At(long offset)
    {
        ulong word = ((ulong)(offset >> 3) + (seed << 32) + 1) * 0x9E3779B97F4A7C15;
        word ^= word >> 29;
        return (byte)(word >> (int)((offset & 7) * 8));
    }
}
