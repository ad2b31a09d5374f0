using System.Globalization;

namespace LineServer.Linux;

/// <summary>Sizes, numbers and times as a user writes them, in a configuration and in options: plain, or with a unit.</summary>
internal static class Units
{
    /// <summary>What a size is, for error messages.</summary>
    public const string SizeForm = "a size in bytes, for instance 65536, 64k or 1M";

    private static readonly (string Suffix, decimal Seconds)[] Times = [("ms", 0.001m), ("s", 1), ("m", 60), ("h", 3600)];
    private static readonly (string Suffix, decimal Factor)[] Counts = [("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)];
    private static readonly (string Suffix, decimal Factor)[] Sizes =
        [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("k", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)];

    /// <summary>Reads a time: a number with ms, s, m or h, or hh:mm:ss.</summary>
    /// <param name="text">The text.</param>
    /// <param name="plainIsSeconds">A number without a unit is seconds; otherwise it is no time.</param>
    /// <param name="time">The time.</param>
    public static bool TryParseTime(string text, bool plainIsSeconds, out TimeSpan time)
    {
        if (text.Contains(':', StringComparison.Ordinal))
        {
            return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out time);
        }

        time = TimeSpan.Zero;
        if (!TryParse(text, Times, StringComparison.Ordinal, out decimal seconds, out bool hasUnit)
            || !(hasUnit || plainIsSeconds) || seconds > TimeSpan.MaxValue.Ticks / TimeSpan.TicksPerSecond)
        {
            return false;
        }

        time = TimeSpan.FromTicks((long)(seconds * TimeSpan.TicksPerSecond));
        return true;
    }

    /// <summary>Reads a number of things; k, M and G stand for a thousand, a million and a billion.</summary>
    public static bool TryParseCount(string text, out decimal count) => TryParse(text, Counts, StringComparison.Ordinal, out count, out _);

    /// <summary>Reads a whole number of bytes; k, M, G (KiB, MiB, GiB) are powers of 1024.</summary>
    public static bool TryParseSize(string text, out long bytes)
    {
        bool isSize = TryParse(text, Sizes, StringComparison.OrdinalIgnoreCase, out decimal size, out _) && decimal.IsInteger(size) && size <= long.MaxValue;
        bytes = isSize ? (long)size : 0;
        return isSize;
    }

    private static bool TryParse(string text, (string Suffix, decimal Factor)[] units, StringComparison comparison, out decimal value, out bool hasUnit)
    {
        (string suffix, decimal factor) = units.FirstOrDefault(unit => text.EndsWith(unit.Suffix, comparison), ("", 1));
        hasUnit = suffix.Length > 0;
        if (!decimal.TryParse(text[..^suffix.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value) || value > decimal.MaxValue / Math.Max(factor, 1))
        {
            return false;
        }

        value *= factor;
        return true;
    }
}
