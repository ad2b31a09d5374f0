using System.IO.Compression;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LineServer.Perf.Comparing;

/// <summary>Reads and writes a comparison as JSON, compressed if the file's name ends in .gz.</summary>
internal static class ComparisonFile
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false) },
    };

    public static void Write(string path, ComparisonDocument document) => WholeFile.Write(path, file =>
    {
        using Stream text = path.EndsWith(".gz", StringComparison.Ordinal)
            ? new GZipStream(file, CompressionMode.Compress)
            : file;
        JsonSerializer.Serialize(text, document, Json);
        text.Write("\n"u8);
    });

    /// <exception cref="RunFailedException">The file is not a comparison, or has another format.</exception>
    public static ComparisonDocument Read(string path)
    {
        try
        {
            using Stream file = Unpacked(File.OpenRead(path));
            using var json = JsonDocument.Parse(file);

            // First of all: another format may lack what this one requires.
            int? format = json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty("format", out JsonElement number)
                && number.ValueKind == JsonValueKind.Number && number.TryGetInt32(out int known) ? known : null;
            return format switch
            {
                ComparisonDocument.CurrentFormat => Checked(json.Deserialize<ComparisonDocument>(Json)!),
                null => throw new RunFailedException(
                    $"{path} is not what lineperf compare --json writes: it has no format"),
                _ => throw new RunFailedException(
                    $"{path} has format {format}; this lineperf reads {ComparisonDocument.CurrentFormat}"),
            };
        }
        catch (Exception e) when (e is JsonException or InvalidDataException)
        {
            throw new RunFailedException(
                $"{path} is not what lineperf compare --json writes: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    // Detected by the first two bytes (RFC 1952), whatever the file's name.
    private static Stream Unpacked(FileStream file)
    {
        Span<byte> start = stackalloc byte[2];
        int size = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        file.Position = 0;
        return size == start.Length && start[0] == 0x1f && start[1] == 0x8b
            ? new GZipStream(file, CompressionMode.Decompress)
            : file;
    }

    // The types do not check the elements of lists, nor what tables and charts rely on.
    private static ComparisonDocument Checked(ComparisonDocument document) =>
        AnyNull(document.Servers) ? throw new JsonException("a server is null")
        : AnyNull(document.Workloads) || document.Workloads.Any(workload => AnyNull(workload.Name, workload.Steps))
            ? throw new JsonException("a workload, its name or its steps are null")
        : AnyNull(document.Absences) ? throw new JsonException("an absence is null")
        : AnyNull(document.Measurements) ? throw new JsonException("a measurement is null")
        : document.Measurements.Any(round =>
            round.Measured.IdleSteps is { } steps && (steps.Count == 0 || AnyNull(steps)))
            ? throw new JsonException("an idle step is missing")
        : !(Math.Abs(document.DurationSeconds) <= TimeSpan.MaxValue.TotalSeconds / 2)
            ? throw new JsonException("durationSeconds is out of range")
        : document;

    private static bool AnyNull(params IEnumerable<object?> values) => values.Any(value => value is null);
}
