namespace LineServer.Linux;

/// <summary>Finds the word that a user meant to type. Case does not matter.</summary>
internal static class Spelling
{
    // Letters that may be wrong, missing or too many. In a short word two of them would make any other word.
    private const int MostWrong = 2;
    private const int LettersForOneWrong = 3;

    /// <summary>The known word that is nearest to another; null if none is near.</summary>
    public static string? Nearest(string word, IEnumerable<string> known) =>
        known.Select(candidate => (Word: candidate, Distance: Distance(word.ToUpperInvariant(), candidate.ToUpperInvariant())))
            .Where(found => found.Distance <= Math.Min(MostWrong, word.Length / LettersForOneWrong)).OrderBy(found => found.Distance).FirstOrDefault().Word;

    /// <summary>What a message about an unknown word ends with: the word that was meant, or else all the known ones.</summary>
    /// <param name="word">The unknown word.</param>
    /// <param name="known">The words that there are.</param>
    /// <param name="prefix">Stands before the word that was meant: the section of a key.</param>
    public static string Suggest(string word, IReadOnlyCollection<string> known, string prefix = "") =>
        Nearest(word, known) is { } meant ? $"did you mean '{prefix}{meant}'?" : $"there are: {string.Join(", ", known)}";

    /// <summary>A parser's message about arguments that it does not know, with the word that was meant, if one is near.</summary>
    /// <param name="message">The message.</param>
    /// <param name="unknown">The arguments that the parser does not know.</param>
    /// <param name="known">The commands and options that there are.</param>
    public static string Explain(string message, IEnumerable<string> unknown, IEnumerable<string> known)
    {
        string? word = unknown.FirstOrDefault(word => message.Contains($"'{word}'", StringComparison.Ordinal));
        string? meant = word is null ? null : Nearest(word, known);
        return meant is null ? message : $"{message.TrimEnd('.')}; did you mean '{meant}'?";
    }

    // The edit distance of Levenshtein: how many letters must be changed, added or removed.
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(changed, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[b.Length];
    }
}
