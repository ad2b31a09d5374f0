using System.Globalization;

namespace LineServer.Perf.Reporting;

/// <summary>Formats a number with its unit in three digits, for labels; tables have more.</summary>
internal static class Quantity
{
    public static string LinesASecond(double value) => Scaled(value, [(1e6, " M/s"), (1e3, " k/s"), (1, "/s")]);

    public static string Nanoseconds(double value) =>
        Scaled(value, [(1e9, " s"), (1e6, " ms"), (1e3, " µs"), (1, " ns")]);

    /// <summary>A rate per second, as a whole number; below 10 with decimals, so that 0.5 is not 0.</summary>
    public static string Rate(double value) =>
        value.ToString(value is > 0 and < 9.995 ? "0.##" : "N0", CultureInfo.InvariantCulture);

    public static string Microseconds(double value) => Nanoseconds(value * 1e3);

    public static string Bytes(double value) => Scaled(value, [(1e9, " GB"), (1e6, " MB"), (1e3, " kB"), (1, " B")]);

    public static string Share(double value) => value.ToString("0.# %", CultureInfo.InvariantCulture);

    public static string Ratio(double value) => Digits(value);

    public static string Count(double value) => Scaled(value, [(1e6, " M"), (1e3, " k"), (1, "")]);

    /// <summary>Removes trailing zeros, for the tick of an axis.</summary>
    public static string Short(string quantity)
    {
        int end = quantity.TakeWhile(letter => char.IsAsciiDigit(letter) || letter is '.' or '-').Count();
        string number = quantity[..end];
        return (number.Contains('.', StringComparison.Ordinal) ? number.TrimEnd('0').TrimEnd('.') : number)
            + quantity[end..];
    }

    // 999.6 becomes 1.00 k, not 1000.
    private static string Scaled(double value, (double Factor, string Unit)[] units)
    {
        (double factor, string unit) = units.FirstOrDefault(
            known => Math.Abs(value) >= known.Factor * 0.9995, units[^1]);
        return Digits(value / factor) + unit;
    }

    private static string Digits(double value)
    {
        double size = Math.Abs(value);
        return value.ToString(
            size switch
            {
                0 => "0",
                < 0.000995 => "0.######",
                < 0.0995 => "0.000",
                < 9.995 => "0.00",
                < 99.95 => "0.0",
                _ => "0",
            },
            CultureInfo.InvariantCulture);
    }
}
