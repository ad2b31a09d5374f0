namespace LineServer.Client;

/// <summary>Suggests the word that the user meant to type.</summary>
internal static class Spelling
{
    /// <summary>The most letters that may be wrong, missing or extra.</summary>
    private const int MaxDistance = 2;

    /// <summary>The known word closest to another; null if none is close.</summary>
    public static string? Nearest(string word, IEnumerable<string> known) =>
        known.Select(candidate => (Word: candidate, Distance: Distance(word, candidate)))
            .Where(found => found.Distance <= MaxDistance).OrderBy(found => found.Distance).FirstOrDefault().Word;

    /// <summary>The Levenshtein distance: the number of letters to change, add or remove.</summary>
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
