using System.IO.Compression;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LineServer.Perf.Comparing;

/// <summary>A comparison as JSON; where the file's name ends in .gz, packed.</summary>
internal static class ComparisonFile
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter() },
    };

    public static void Write(string path, ComparisonDocument document)
    {
        // Not in place: who reads it meanwhile, or stops us, has the one before.
        string next = path + ".new";
        using (Stream file = Packed(path, File.Create(next), CompressionMode.Compress))
        {
            JsonSerializer.Serialize(file, document, Json);
            file.Write("\n"u8);
        }

        File.Move(next, path, overwrite: true);
    }

    /// <exception cref="RunFailedException">It is none of ours, or of another format.</exception>
    public static ComparisonDocument Read(string path)
    {
        try
        {
            using Stream file = Packed(path, File.OpenRead(path), CompressionMode.Decompress);
            using var json = JsonDocument.Parse(file);

            // Before all else: another format may lack what this one requires.
            int? format = json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("format", out JsonElement number) && number.TryGetInt32(out int known) ? known : null;
            return format switch
            {
                ComparisonDocument.CurrentFormat => json.Deserialize<ComparisonDocument>(Json)!,
                null => throw new RunFailedException($"{path} is not what lineperf compare --json writes: it says no format"),
                _ => throw new RunFailedException($"{path} has format {format}; this lineperf reads {ComparisonDocument.CurrentFormat}"),
            };
        }
        catch (Exception e) when (e is JsonException or InvalidDataException)
        {
            throw new RunFailedException($"{path} is not what lineperf compare --json writes: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static Stream Packed(string path, Stream file, CompressionMode mode) =>
        path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, mode) : file;
}
