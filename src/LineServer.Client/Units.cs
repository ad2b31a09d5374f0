using System.Globalization;

namespace LineServer.Client;

/// <summary>Parses numbers and times of options: plain, or with a unit.</summary>
internal static class Units
{
    private static readonly (string Suffix, double Seconds)[] Times = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)];
    private static readonly (string Suffix, decimal Factor)[] Counts = [("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)];

    /// <summary>Parses a time; a plain number is in seconds.</summary>
    public static bool TryParseTime(string text, out double seconds)
    {
        (string suffix, double factor) = Times.FirstOrDefault(unit => text.EndsWith(unit.Suffix, StringComparison.Ordinal), ("", 1));
        bool isNumber = double.TryParse(text[..^suffix.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out seconds);
        seconds *= factor;
        return isNumber;
    }

    /// <summary>Parses a number; k, M and G stand for thousand, million and billion.</summary>
    public static bool TryParseCount(string text, out decimal count)
    {
        (string suffix, decimal factor) = Counts.FirstOrDefault(unit => text.EndsWith(unit.Suffix, StringComparison.Ordinal), ("", 1));
        bool isNumber = decimal.TryParse(text[..^suffix.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out count);
        if (!isNumber || count > decimal.MaxValue / factor)
        {
            return false;
        }

        count *= factor;
        return true;
    }
}
