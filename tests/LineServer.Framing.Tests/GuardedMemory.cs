using System.Buffers;
using System.Runtime.InteropServices;

namespace LineServer.Framing.Tests;

/// <summary>
/// Pages of memory between two that may not be touched: whoever reads one byte too far ends the process. More pages can be closed later.
/// </summary>
internal sealed unsafe partial class GuardedMemory : MemoryManager<byte>
{
    private const int None = 0;
    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;

    private readonly byte* _map;
    private readonly nuint _mapLength;
    private readonly byte* _start;

    public GuardedMemory(int pages)
    {
        Length = pages * PageSize;
        _mapLength = (nuint)(Length + (2 * PageSize));
        _map = Mmap(null, _mapLength, ReadWrite, PrivateAnonymous, -1, 0);
        if ((nint)_map == -1)
        {
            throw new InvalidOperationException($"mmap: errno {Marshal.GetLastPInvokeError()}");
        }

        _start = _map + PageSize;
        Protect(_map, (nuint)PageSize, None);
        Protect(_start + Length, (nuint)PageSize, None);
    }

    public static int PageSize { get; } = Environment.SystemPageSize;

    public int Length { get; }

    /// <summary>From here on no byte of these pages may be touched.</summary>
    public void Close(int firstPage, int pages) => Protect(_start + (firstPage * PageSize), (nuint)(pages * PageSize), None);

    public void OpenAll() => Protect(_start, (nuint)Length, ReadWrite);

    public override Span<byte> GetSpan() => new(_start, Length);

    public override MemoryHandle Pin(int elementIndex = 0) => new(_start + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing) => _ = Munmap(_map, _mapLength);

    private static void Protect(byte* start, nuint length, int protection)
    {
        if (Mprotect(start, length, protection) != 0)
        {
            throw new InvalidOperationException($"mprotect: errno {Marshal.GetLastPInvokeError()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial byte* Mmap(void* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int Mprotect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Munmap(void* address, nuint length);
}
