using System.Text.Json;

namespace LineServer.Configuration;

/// <summary>The line number of each key of a JSON file, which .NET's configuration does not keep.</summary>
internal sealed class JsonKeyLines
{
    private readonly Dictionary<string, int> _lines = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="json">The file's bytes, known to be valid JSON.</param>
    public JsonKeyLines(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        var path = new List<string>();
        int line = 1;
        long counted = 0;
        int arrays = 0;
        while (reader.Read())
        {
            line += json[(int)counted..(int)reader.TokenStartIndex].Count((byte)'\n');
            counted = reader.TokenStartIndex;
            arrays += reader.TokenType switch
            {
                JsonTokenType.StartArray => 1,
                JsonTokenType.EndArray => -1,
                _ => 0,
            };
            if (!IsReadable(ref reader))
            {
                FirstUnreadable ??= line;
            }
            else if (reader.TokenType == JsonTokenType.PropertyName)
            {
                while (path.Count >= reader.CurrentDepth)
                {
                    path.RemoveAt(path.Count - 1);
                }

                path.Add(reader.GetString()!);
                string key = string.Join(':', path);
                if (!_lines.TryAdd(key, line) && arrays == 0)
                {
                    FirstTwice ??= (key, line);
                }
            }
        }
    }

    /// <summary>
    /// The line of the first string with an unpaired surrogate escape, which no text can hold.
    /// </summary>
    public int? FirstUnreadable { get; }

    /// <summary>
    /// The first key that occurs twice, and the line of its second occurrence. .NET's configuration would
    /// throw.
    /// </summary>
    public (string Key, int Line)? FirstTwice { get; }

    private static bool IsReadable(ref Utf8JsonReader reader)
    {
        if (reader.TokenType is not (JsonTokenType.PropertyName or JsonTokenType.String) || !reader.ValueIsEscaped)
        {
            return true;
        }

        try
        {
            reader.GetString();
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>The line of the key, or of its nearest parent.</summary>
    public int Find(string key)
    {
        for (string rest = key; rest.Length > 0; rest = rest[..Math.Max(rest.LastIndexOf(':'), 0)])
        {
            if (_lines.TryGetValue(rest, out int line))
            {
                return line;
            }
        }

        return 1;
    }
}
