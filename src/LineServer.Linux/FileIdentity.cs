using System.Runtime.CompilerServices;
using System.Text;

namespace LineServer.Linux;

/// <summary>
/// Identifies a file by device and inode: statx(2). A path alone may name another file a moment later.
/// </summary>
/// <param name="Device">The device number, in the form of stat(2).</param>
/// <param name="Inode">
/// The inode number on that device. The kernel may reuse it once the file is deleted and nobody has it open.
/// </param>
/// <param name="IsSocket">True for a Unix socket.</param>
internal readonly unsafe record struct FileIdentity(ulong Device, ulong Inode, bool IsSocket)
{
    // <linux/stat.h>, <linux/fcntl.h>.
    private const int CurrentDirectory = -100;
    private const int NoFollow = 0x100;
    private const int EmptyPath = 0x1000;
    private const uint TypeAndInode = 0x1 | 0x100;
    private const int Size = 256;
    private const int ModeOffset = 28;
    private const int InodeOffset = 32;
    private const int DeviceOffset = 136;
    private const int TypeMask = 0xF000;
    private const int SocketType = 0xC000;

    /// <summary>
    /// The file at a path. A symbolic link is not followed. Null if there is no file or this process may not
    /// see it.
    /// </summary>
    public static FileIdentity? OfPath(string path)
    {
        byte[] name = new byte[Encoding.UTF8.GetMaxByteCount(path.Length) + 1];
        Encoding.UTF8.GetBytes(path, name);
        fixed (byte* start = name)
        {
            return Of(CurrentDirectory, start, NoFollow);
        }
    }

    /// <summary>The file of an open descriptor. Null if the descriptor is not open.</summary>
    public static FileIdentity? OfDescriptor(int descriptor)
    {
        byte empty = 0;
        return Of(descriptor, &empty, EmptyPath);
    }

    private static FileIdentity? Of(int directory, byte* path, int flags)
    {
        byte* status = stackalloc byte[Size];
        if (Libc.Status(directory, path, flags, TypeAndInode, status) != 0)
        {
            return null;
        }

        ulong major = Unsafe.ReadUnaligned<uint>(status + DeviceOffset);
        ulong minor = Unsafe.ReadUnaligned<uint>(status + DeviceOffset + sizeof(uint));
        // makedev(3).
        ulong device = ((major & 0xFFFFF000) << 32) | ((major & 0xFFF) << 8) | ((minor & 0xFFFFFF00) << 12) | (minor & 0xFF);
        bool isSocket = (Unsafe.ReadUnaligned<ushort>(status + ModeOffset) & TypeMask) == SocketType;
        return new FileIdentity(device, Unsafe.ReadUnaligned<ulong>(status + InodeOffset), isSocket);
    }
}
