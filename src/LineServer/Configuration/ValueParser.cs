using System.Globalization;
using LineServer.Linux;

namespace LineServer.Configuration;

/// <summary>Parses the values of a configuration.</summary>
internal static class ValueParser
{
    /// <summary>
    /// Parses <paramref name="text"/> as a <paramref name="type"/>. For a nullable type, null, an empty value
    /// and <c>null</c> give null.
    /// </summary>
    /// <param name="text">The text.</param>
    /// <param name="type">The type of the setting.</param>
    /// <param name="value">The value.</param>
    /// <param name="isSize">True if a number is a size in bytes, which may have a unit.</param>
    /// <returns>Null if the value is valid, else what was expected.</returns>
    public static string? TryParse(string? text, Type type, out object? value, bool isSize = false)
    {
        Type inner = Nullable.GetUnderlyingType(type) ?? type;
        bool isNullable = inner != type;
        value = null;
        if (isNullable && (string.IsNullOrEmpty(text) || text.Equals("null", StringComparison.OrdinalIgnoreCase)))
        {
            return null;
        }

        string orNull = isNullable ? ", or null for unlimited" : string.Empty;
        text ??= string.Empty;
        if (inner == typeof(string))
        {
            value = text;
            return null;
        }

        if (isSize && Units.TryParseSize(text, out long bytes) && (inner == typeof(long) || bytes <= int.MaxValue))
        {
            value = inner == typeof(long) ? bytes : (object)(int)bytes;
            return null;
        }

        string number = isSize ? Units.SizeForm : "a whole number";
        if (inner == typeof(int))
        {
            // A negative one is a number out of its range, which the settings say better.
            bool isNumber = int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int whole);
            value = whole;
            return isNumber ? null : $"{number}{orNull}";
        }

        if (inner == typeof(long))
        {
            bool isNumber = long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole);
            value = whole;
            return isNumber ? null : $"{number}{orNull}";
        }

        if (inner == typeof(bool))
        {
            bool isFlag = bool.TryParse(text, out bool flag);
            value = flag;
            return isFlag ? null : "true or false";
        }

        if (inner == typeof(TimeSpan))
        {
            // A number without a unit is days to .NET, and seconds or milliseconds to a reader.
            bool isTime = Units.TryParseTime(text, plainIsSeconds: false, out TimeSpan time);
            value = time;
            return isTime ? null : $"a time, for instance 30s, 500ms or 00:00:30{orNull}";
        }

        if (inner == typeof(Delimiter))
        {
            bool isDelimiter = Delimiter.TryParse(text, out Delimiter delimiter);
            value = delimiter;
            return isDelimiter ? null : "LF, NUL, CR or a number from 0 to 255";
        }

        if (inner == typeof(UnixFileMode))
        {
            // The format of chmod(1): three octal digits, with or without a leading zero.
            string digits = text.Length == 4 && text[0] == '0' ? text[1..] : text;
            bool isMode = digits.Length == 3 && digits.All(digit => digit is >= '0' and <= '7');
            value = isMode ? (UnixFileMode)Convert.ToInt32(digits, 8) : null;
            return isMode ? null : "a mode in octal, for instance 0660";
        }

        string[] names = Enum.GetNames(inner);
        int index = Array.FindIndex(names, name => name.Equals(text, StringComparison.OrdinalIgnoreCase));
        value = index < 0 ? null : Enum.Parse(inner, names[index]);
        return index < 0 ? $"one of {string.Join(", ", names)}" : null;
    }
}
