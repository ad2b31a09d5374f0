using System.Buffers;
using System.Runtime.InteropServices;

namespace LineServer.Framing;

/// <summary>The count before a message: <c>MSG-LEN SP</c> in RFC 6587, section 3.4.1.</summary>
/// <param name="Value">The size of the message in bytes, at least 1.</param>
/// <param name="HeadLength">The size of the count itself, its space included.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct OctetCount(long Value, int HeadLength)
{
    /// <summary>The most bytes that decide: so many digits and a space.</summary>
    public const int LongestHead = MaxDigits + 1;

    // Ten digits are enough for the largest MaxLineSize. More of them are no count but some other number.
    private const int MaxDigits = 10;

    /// <summary>Parses the count at the start of some bytes.</summary>
    /// <returns>
    /// <see cref="OperationStatus.Done"/>; <see cref="OperationStatus.NeedMoreData"/> if all bytes could
    /// belong to a count; else <see cref="OperationStatus.InvalidData"/>.
    /// </returns>
    public static OperationStatus Parse(ReadOnlySpan<byte> bytes, out OctetCount count)
    {
        count = default;
        long value = 0;
        for (int i = 0; i < bytes.Length; i++)
        {
            uint digit = (uint)(bytes[i] - '0');
            if (digit <= 9 && i < MaxDigits && (digit > 0 || i > 0))
            {
                value = (value * 10) + digit;
            }
            else if (i > 0 && bytes[i] == ' ')
            {
                count = new OctetCount(value, i + 1);
                return OperationStatus.Done;
            }
            else
            {
                return OperationStatus.InvalidData;
            }
        }

        return OperationStatus.NeedMoreData;
    }
}
