using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace LineServer.Linux;

/// <summary>The system's groups: getgrnam_r(3).</summary>
internal static unsafe class SystemGroup
{
    // struct group of <grp.h>: two pointers, the number, a pointer.
    private static readonly int NumberOffset = 2 * sizeof(nint);
    private const int LongestEntry = 1 << 20;

    /// <summary>The number of a group given by name or number. Null if there is no such group.</summary>
    public static uint? Find(string nameOrNumber)
    {
        if (uint.TryParse(nameOrNumber, NumberStyles.None, CultureInfo.InvariantCulture, out uint number))
        {
            // The highest number means "do not change": chown(2).
            return number == uint.MaxValue ? null : number;
        }

        byte[] name = Encoding.UTF8.GetBytes($"{nameOrNumber}\0");
        byte* entry = stackalloc byte[4 * sizeof(nint)];
        for (int size = 4096; size <= LongestEntry; size *= 4)
        {
            byte* result = null;
            int error;
            fixed (byte* start = name, buffer = new byte[size])
            {
                error = Libc.GetGroup(start, entry, buffer, (nuint)size, &result);
            }

            if (error != (int)Errno.ERANGE)
            {
                return error == 0 && result is not null ? Unsafe.ReadUnaligned<uint>(entry + NumberOffset) : null;
            }
        }

        return null;
    }
}
