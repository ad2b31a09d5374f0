using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;

namespace LineServer.Perf.Linux;

/// <summary>A set of processor cores, in the notation of taskset: 0, 0-3 or 0,2.</summary>
internal sealed unsafe class Cores
{
    private const int MaxCores = 1024;
    private readonly SortedSet<int> _numbers;

    private Cores(SortedSet<int> numbers, string text) => (_numbers, Text) = (numbers, text);

    public string Text { get; }

    /// <exception cref="UsageException">
    /// The text is not a list of cores, or names a core that this machine does not have.
    /// </exception>
    public static Cores Parse(string option, string text)
    {
        SortedSet<int> numbers = [];
        foreach (string part in text.Split(','))
        {
            string[] ends = part.Split('-');
            if (ends.Length > 2
                || !TryParse(ends[0], out int first)
                || !TryParse(ends[^1], out int last)
                || last < first)
            {
                throw new UsageException($"{option}: '{text}' is not a list of cores, as in 0, 0-3 or 0,2");
            }

            numbers.UnionWith(Enumerable.Range(first, last - first + 1));
        }

        // Not Environment.ProcessorCount: that counts the cores that this process may use, which a container
        // or taskset may limit.
        if (numbers.Max >= ConfiguredCores())
        {
            throw new UsageException($"{option}: there is no core {numbers.Max}; this machine has {ConfiguredCores()}");
        }

        return new Cores(numbers, text);
    }

    /// <summary>The number of cores that this process may use.</summary>
    /// <remarks>
    /// Not Environment.ProcessorCount: it is read once, and <see cref="PinThisProcess"/> may come later.
    /// </remarks>
    public static int Allowed
    {
        get
        {
            byte* mask = stackalloc byte[MaxCores / 8];
            int size = MeasuringCalls.GetAffinity(0, MaxCores / 8, mask) == 0 ? MaxCores / 8 : 0;
            int count = 0;
            foreach (byte bits in new ReadOnlySpan<byte>(mask, size))
            {
                count += BitOperations.PopCount(bits);
            }

            return Math.Max(1, count);
        }
    }

    /// <summary>Pins every thread of this process to these cores. Later threads inherit the mask.</summary>
    public void PinThisProcess()
    {
        byte* mask = stackalloc byte[MaxCores / 8];
        new Span<byte>(mask, MaxCores / 8).Clear();
        foreach (int core in _numbers)
        {
            mask[core / 8] |= (byte)(1 << (core % 8));
        }

        foreach (string thread in Directory.EnumerateDirectories("/proc/self/task"))
        {
            // Another thread may have ended meanwhile, which is harmless. The main thread must be pinned.
            int id = int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture);
            if (MeasuringCalls.SetAffinity(id, MaxCores / 8, mask) != 0 && id == Environment.ProcessId)
            {
                throw new RunFailedException($"cannot run on core {Text}: errno {Marshal.GetLastSystemError()}");
            }
        }
    }

    private static bool TryParse(string text, out int core) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out core) && core < MaxCores;

    private static int ConfiguredCores() =>
        Directory.EnumerateDirectories("/sys/devices/system/cpu", "cpu*").Count(path =>
            char.IsAsciiDigit(path[^1]) && Path.GetFileName(path)[3..].All(char.IsAsciiDigit));
}
