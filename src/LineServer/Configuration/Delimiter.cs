using System.Globalization;

namespace LineServer.Configuration;

/// <summary>
/// The byte that ends a line, in its written form: <c>LF</c>, <c>NUL</c>, <c>CR</c>, or a number from 0 to
/// 255.
/// </summary>
internal readonly record struct Delimiter(byte Value)
{
    private static readonly (string Name, byte Value)[] Names = [("LF", (byte)'\n'), ("NUL", 0), ("CR", (byte)'\r')];

    public static bool TryParse(string text, out Delimiter delimiter)
    {
        foreach ((string name, byte value) in Names)
        {
            if (name.Equals(text, StringComparison.OrdinalIgnoreCase))
            {
                delimiter = new Delimiter(value);
                return true;
            }
        }

        bool isNumber = byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out byte number);
        delimiter = new Delimiter(number);
        return isNumber;
    }

    public override string ToString()
    {
        byte value = Value;
        return Array.Find(Names, known => known.Value == value).Name ?? value.ToString(CultureInfo.InvariantCulture);
    }
}
