using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>The address from accept4 as raw bytes. An endpoint object is created only on request.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly struct PeerAddress
{
    /// <summary>The size of the largest address that is parsed: sockaddr_in6.</summary>
    public const int MaxSize = 28;

    // Not a UInt128, whose alignment would make each connection larger.
    private readonly ulong _high;
    private readonly ulong _low;
    private readonly uint _scope;
    private readonly ushort _port;
    private readonly ushort _family;

    private PeerAddress(ReadOnlySpan<byte> bytes)
    {
        _family = BitConverter.ToUInt16(bytes);
        _port = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        if (_family == Libc.AddressFamilyInet)
        {
            _low = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
        }
        else
        {
            _high = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
            _low = BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]);
            _scope = BitConverter.ToUInt32(bytes[24..]);
        }
    }

    /// <summary>
    /// Parses struct sockaddr_in and sockaddr_in6 (ip(7), ipv6(7)). Other families have no address here.
    /// </summary>
    public static PeerAddress Parse(ReadOnlySpan<byte> bytes) => bytes.Length < sizeof(ushort) ? default : BitConverter.ToUInt16(bytes) switch
    {
        Libc.AddressFamilyInet when bytes.Length >= 8 => new PeerAddress(bytes),
        Libc.AddressFamilyInet6 when bytes.Length >= MaxSize => new PeerAddress(bytes),
        _ => default,
    };

    /// <summary>Creates the endpoint; null for other families.</summary>
    public IPEndPoint? ToEndPoint()
    {
        switch (_family)
        {
            case Libc.AddressFamilyInet:
                return new IPEndPoint(new IPAddress(BinaryPrimitives.ReverseEndianness((uint)_low)), _port);
            case Libc.AddressFamilyInet6:
                Span<byte> bytes = stackalloc byte[16];
                BinaryPrimitives.WriteUInt64BigEndian(bytes, _high);
                BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], _low);
                return new IPEndPoint(new IPAddress(bytes, _scope), _port);
            default:
                return null;
        }
    }
}
