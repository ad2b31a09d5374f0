using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace LineServer.Client.Streams;

/// <summary>One line of a server of acknowledged lines.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct StreamReply
{
    private const string RetryKey = "retry=";

    /// <summary>Which line it is.</summary>
    public StreamReplyKind Kind { get; init; }

    /// <summary>The number of durable lines; 0 for <see cref="StreamReplyKind.Failed"/>.</summary>
    public long Count { get; init; }

    /// <summary>What came with <see cref="StreamReplyKind.Attached"/>; otherwise null.</summary>
    public StreamStatus? Status { get; init; }

    /// <summary>The code of <see cref="StreamReplyKind.Failed"/>, as in 503; otherwise 0.</summary>
    public int Code { get; init; }

    /// <summary>The server's text of <see cref="StreamReplyKind.Failed"/>; otherwise null. It may hold any character but LF.</summary>
    public string? Text { get; init; }

    /// <summary>The time after which the server wants to be asked again; null where it gives none.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>
    /// True if a client must not try again. Unknown codes are final, unless the server blames itself (5xx).
    /// </summary>
    public bool IsFinal => Kind == StreamReplyKind.Failed && Code is not (408 or (>= 500 and <= 599));

    /// <summary>Reads a line without its LF.</summary>
    /// <returns>False for a line that is not known. A client ignores those.</returns>
    internal static bool TryParse(ReadOnlySpan<byte> line, out StreamReply reply)
    {
        string text = Encoding.UTF8.GetString(line).TrimEnd('\r');
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        reply = default;
        if (words.Length < 2)
        {
            return false;
        }

        if (words[0] is "ERR")
        {
            return TryParseError(text, words, out reply);
        }

        StreamReplyKind? kind = words[0] switch
        {
            "OK" => StreamReplyKind.Attached,
            "ACK" => StreamReplyKind.Acknowledged,
            "BYE" => StreamReplyKind.Ended,
            _ => null,
        };
        if (kind is null || !TryParseWhole(words[1], out long count))
        {
            return false;
        }

        reply = new() { Kind = kind.Value, Count = count, Status = kind == StreamReplyKind.Attached ? ParseStatus(count, words.AsSpan(2)) : null };
        return true;
    }

    private static StreamStatus ParseStatus(long count, ReadOnlySpan<string> words)
    {
        var status = new StreamStatus { Count = count };
        foreach (string word in words)
        {
            int equals = word.IndexOf('=', StringComparison.Ordinal);
            string value = word[(equals + 1)..];
            status = word[..Math.Max(equals, 0)] switch
            {
                "crc32c" when value.Length == 8 && uint.TryParse(value, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint crc) => status with { Crc32C = crc },
                "max" when TryParseWhole(value, out long max) => status with { MaxLineSize = max },
                "first" when TryParseWhole(value, out long first) => status with { FirstLine = first },
                "store" => status with { StoreId = value },
                "durability" => status with { Durability = value },
                _ => status,
            };
        }

        return status;
    }

    private static bool TryParseError(string text, string[] words, out StreamReply reply)
    {
        reply = default;
        if (words[1].Length != 3 || !TryParseWhole(words[1], out long code))
        {
            return false;
        }

        string? retry = Array.Find(words, word => word.StartsWith(RetryKey, StringComparison.Ordinal));
        reply = new()
        {
            Kind = StreamReplyKind.Failed,
            Code = (int)code,
            Text = text[(text.IndexOf(words[1], StringComparison.Ordinal) + words[1].Length)..].Trim(),
            RetryAfter = TryParseSeconds(retry, out TimeSpan time) ? time : null,
        };
        return true;
    }

    private static bool TryParseSeconds([NotNullWhen(true)] string? word, out TimeSpan time)
    {
        // A day at most: nobody waits longer, and larger numbers would overflow.
        bool isTime = TryParseWhole(word?[RetryKey.Length..], out long seconds);
        time = isTime ? TimeSpan.FromSeconds(Math.Min(seconds, 24 * 60 * 60)) : default;
        return isTime;
    }

    private static bool TryParseWhole(string? text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
