using System.Runtime.InteropServices;

namespace LineServer.Client.Streams;

/// <summary>A place between two lines of a stream.</summary>
/// <param name="Lines">The number of the stream's lines before it.</param>
/// <param name="Offset">Where it is in the bytes of an <see cref="ILineSource"/>.</param>
/// <param name="Crc">The CRC-32C of the lines before it.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct StreamMark(long Lines, long Offset, uint Crc);
