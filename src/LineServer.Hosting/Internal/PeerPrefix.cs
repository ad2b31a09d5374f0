using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace LineServer.Hosting.Internal;

/// <summary>
/// The leading bits of an IP address that identify one peer for limits per peer. An IPv4-mapped address
/// counts as IPv4.
/// </summary>
/// <param name="Bits">The masked address; IPv4 in its mapped form.</param>
internal readonly record struct PeerPrefix(UInt128 Bits)
{
    private const int BitsBeforeIPv4 = 96;

    /// <summary>The peer of an address; null if limits per peer do not apply (a Unix socket).</summary>
    public static PeerPrefix? Of(EndPoint? endPoint, int prefixLengthIPv4, int prefixLengthIPv6)
    {
        if (endPoint is not IPEndPoint { Address: { } address })
        {
            return null;
        }

        bool isIPv4 = address.AddressFamily == AddressFamily.InterNetwork || address.IsIPv4MappedToIPv6;
        Span<byte> bytes = stackalloc byte[16];
        _ = address.MapToIPv6().TryWriteBytes(bytes, out _);
        int length = isIPv4 ? BitsBeforeIPv4 + prefixLengthIPv4 : prefixLengthIPv6;
        UInt128 mask = length == 0 ? UInt128.Zero : UInt128.MaxValue << (128 - length);
        return new PeerPrefix(BinaryPrimitives.ReadUInt128BigEndian(bytes) & mask);
    }
}
