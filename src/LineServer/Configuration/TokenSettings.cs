using LineServer.Framing;
using LineServer.Storage;

namespace LineServer.Configuration;

/// <summary>A token: who knows the secret may use the streams whose names match the pattern.</summary>
internal sealed class TokenSettings
{
    /// <summary>1 to 128 visible ASCII characters.</summary>
    public string Secret { get; set; } = string.Empty;

    /// <summary>A name, in which a <c>*</c> stands for any characters.</summary>
    public string Streams { get; set; } = string.Empty;

    public IEnumerable<string> Validate()
    {
        if (Secret.Length is 0 or > 128 || !Secret.All(c => c is > ' ' and < '\x7f'))
        {
            yield return $"{nameof(Secret)} must be 1 to 128 visible ASCII characters.";
        }

        if (Streams.Length == 0 || !StreamName.IsValid(Streams.Replace("*", "a", StringComparison.Ordinal)))
        {
            yield return $"{nameof(Streams)} must be the name of a stream, in which * stands for any characters, not '{Streams}'.";
        }
    }
}
