namespace LineServer.Perf;

/// <summary>Words as a shell reads them.</summary>
internal static class ShellWords
{
    private const string Plain = "-_./:,=+@%";

    /// <summary>Each with quotes where it needs them.</summary>
    public static string Join(IEnumerable<string> words) => string.Join(' ', words.Select(Quote));

    private static string Quote(string word) =>
        word.Length > 0 && word.All(letter => char.IsAsciiLetterOrDigit(letter) || Plain.Contains(letter, StringComparison.Ordinal)) ? word : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
