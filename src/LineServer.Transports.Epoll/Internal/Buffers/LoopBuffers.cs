using System.Buffers;
using System.Numerics;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// A loop's own stack of arrays for each size, so that it reuses those still in its core's caches. Beyond its
/// depth, and on other threads, arrays come from the shared pool.
/// </summary>
/// <remarks>
/// Each connection of a group holds one array at a time, and the one being served holds two.
/// <see cref="ArrayPool{T}.Shared"/> caches one array of each size per thread; the second costs a lock and a
/// search (docs/decisions/0005).
/// </remarks>
internal sealed class LoopBuffers
{
    private const int Depth = EventLoop.GroupSize + 1;
    private static readonly int SmallestLog2 = BitOperations.Log2(AdaptiveSize.Smallest);
    private static readonly int SizeCount = BitOperations.Log2(AdaptiveSize.Largest) - SmallestLog2 + 1;

    private readonly byte[]?[] _arrays = new byte[]?[SizeCount * Depth];
    private readonly int[] _counts = new int[SizeCount];

    /// <summary>Rents an array of at least this size. Call it on the loop's thread.</summary>
    public byte[] Rent(int size)
    {
        int index = IndexOfSize(BitOperations.RoundUpToPowerOf2((uint)size));
        if ((uint)index < (uint)_counts.Length && _counts[index] > 0)
        {
            int last = (index * Depth) + --_counts[index];
            byte[] array = _arrays[last]!;
            _arrays[last] = null;
            return array;
        }

        return ArrayPool<byte>.Shared.Rent(size);
    }

    /// <summary>Returns an array. Call it on the loop's thread.</summary>
    public void Return(byte[] array)
    {
        int index = IndexOfSize((uint)array.Length);
        if ((uint)index < (uint)_counts.Length && _counts[index] < Depth && BitOperations.IsPow2(array.Length))
        {
            _arrays[(index * Depth) + _counts[index]++] = array;
        }
        else
        {
            ArrayPool<byte>.Shared.Return(array);
        }
    }

    private static int IndexOfSize(uint size) => BitOperations.Log2(size) - SmallestLog2;
}
