using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace LineServer.Perf.Work;

/// <summary>
/// Writes a distribution as pairs, [[12.287,5],[12.415,1]], on one line even in indented JSON: there are
/// hundreds of them.
/// </summary>
internal sealed class LatencyBucketsConverter : JsonConverter<IReadOnlyList<LatencyBucket>>
{
    public override IReadOnlyList<LatencyBucket> Read(
        ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        double[][] pairs = JsonSerializer.Deserialize<double[][]>(ref reader)!;
        return pairs.All(pair => pair is { Length: 2 })
            ? [.. pairs.Select(pair => new LatencyBucket(pair[0], (long)pair[1]))]
            : throw new JsonException("a bucket is not [microseconds, count]");
    }

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<LatencyBucket> value, JsonSerializerOptions options)
    {
        var text = new StringBuilder("[");
        foreach (LatencyBucket bucket in value)
        {
            _ = text.Append(text.Length > 1 ? ",[" : "[")
                .Append(bucket.UpTo)
                .Append(',')
                .Append(bucket.Count)
                .Append(']');
        }

        writer.WriteRawValue(text.Append(']').ToString());
    }
}
