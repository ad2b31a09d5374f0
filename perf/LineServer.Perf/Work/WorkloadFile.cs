using System.Text.Json;
using LineServer.Perf.Reporting;

namespace LineServer.Perf.Work;

/// <summary>Reads a file of workloads; workloads.json documents its form. Errors name the line.</summary>
internal static class WorkloadFile
{
    /// <param name="path">The file's path.</param>
    /// <param name="taken">Names that are already taken.</param>
    /// <exception cref="UsageException">The file cannot be read, or has an error.</exception>
    public static IReadOnlyList<Workload> Read(string path, IEnumerable<string> taken)
    {
        byte[] text;
        try
        {
            text = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"cannot read the workloads: {e.Message}");
        }

        try
        {
            return Parse(path, text, new HashSet<string>(taken, StringComparer.Ordinal));
        }
        catch (JsonException e)
        {
            throw new UsageException(
                $"{path}:{e.LineNumber + 1}: this is not JSON: {e.Message.Split(". LineNumber", 2)[0]}");
        }
    }

    private static List<Workload> Parse(string path, byte[] text, HashSet<string> names)
    {
        var reader = new Utf8JsonReader(
            text, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        _ = reader.Read();
        Expect(ref reader, JsonTokenType.StartObject, path, text, "the file begins with { \"workloads\": [");
        List<Workload> workloads = [];
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (!reader.ValueTextEquals("workloads"))
            {
                throw At(
                    path,
                    text,
                    reader.TokenStartIndex,
                    $"there is no '{reader.GetString()}'; the file has \"workloads\": [ … ]");
            }

            _ = reader.Read();
            Expect(ref reader, JsonTokenType.StartArray, path, text, "\"workloads\" is a list: [ … ]");
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                Expect(ref reader, JsonTokenType.StartObject, path, text, "a workload is an object: { \"name\": … }");
                workloads.Add(ParseWorkload(ref reader, path, text, names));
            }
        }

        // Reads on, so that text behind the end is an error.
        _ = reader.Read();
        return workloads;
    }

    private static Workload ParseWorkload(ref Utf8JsonReader reader, string path, byte[] text, HashSet<string> names)
    {
        long start = reader.TokenStartIndex;
        var fields = new WorkloadFields((place, problem) => At(path, text, place, problem));
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string field = reader.GetString()!;
            long place = reader.TokenStartIndex;
            _ = reader.Read();
            using var value = JsonDocument.ParseValue(ref reader);
            fields.Add(field, place, value.RootElement.Clone());
        }

        Workload workload = fields.Make(start);
        if (ReportTables.OwnNames.Contains(workload.Name, StringComparer.Ordinal))
        {
            throw At(
                path,
                text,
                start,
                $"'{workload.Name}' is the name of a table over all workloads: no workload can have it");
        }

        return names.Add(workload.Name)
            ? workload
            : throw At(path, text, start, $"there is a workload '{workload.Name}' already");
    }

    private static void Expect(
        ref Utf8JsonReader reader, JsonTokenType token, string path, byte[] text, string otherwise)
    {
        if (reader.TokenType != token)
        {
            throw At(path, text, reader.TokenStartIndex, otherwise);
        }
    }

    private static UsageException At(string path, byte[] text, long place, string problem) =>
        new($"{path}:{text.AsSpan(0, (int)place).Count((byte)'\n') + 1}: {problem}");
}
