namespace LineServer.Perf;

/// <summary>Writes words so that a shell reads them back.</summary>
internal static class ShellWords
{
    private const string Plain = "-_./:,=+@%";

    /// <summary>Joins the words with spaces, and quotes those that need it.</summary>
    public static string Join(IEnumerable<string> words) => string.Join(' ', words.Select(Quote));

    private static string Quote(string word) =>
        word.Length > 0
            && word.All(letter => char.IsAsciiLetterOrDigit(letter) || Plain.Contains(letter, StringComparison.Ordinal))
            ? word
            : $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
