using System.Buffers.Text;
using System.Text;
using LineServer.Framing;
using LineServer.Storage;

namespace LineServer.Handlers.Stored;

/// <summary>The first line of LS1 and LR1: <c>LS1 SP stream *(SP key=value)</c>.</summary>
internal sealed record Opening
{
    /// <summary>The most bytes of an opening.</summary>
    public const int MaxSize = 512;

    private const int MaxTokenSize = 128;

    public required string Stream { get; init; }

    /// <summary>The number of the first line; null if it was not given.</summary>
    public long? From { get; private set; }

    public byte[] Token { get; private set; } = [];

    /// <summary>For LR1: lines that are stored later are sent too.</summary>
    public bool Follows { get; private set; }

    /// <summary>Parses an opening, without its terminator.</summary>
    /// <returns>Null if it is valid, else what is wrong.</returns>
    public static string? TryParse(ReadOnlySpan<byte> line, ReadOnlySpan<byte> protocol, out Opening? opening)
    {
        opening = null;
        string name = Encoding.ASCII.GetString(protocol);
        if (line.Length > MaxSize)
        {
            return $"the opening is longer than {MaxSize} bytes";
        }

        if (!line.StartsWith(protocol) || line.Length <= protocol.Length || line[protocol.Length] != (byte)' ')
        {
            return $"expected '{name} STREAM', such as '{name} web-7'";
        }

        ReadOnlySpan<byte> rest = line[(protocol.Length + 1)..];
        ReadOnlySpan<byte> stream = NextWord(ref rest);
        if (!StreamName.IsValid(stream))
        {
            return $"a stream's name is 1 to {StreamName.MaxLength} letters, digits and . _ -, the first a letter or digit";
        }

        var parsed = new Opening { Stream = Encoding.ASCII.GetString(stream) };
        bool mayFollow = protocol.SequenceEqual("LR1"u8);
        while (!rest.IsEmpty)
        {
            if (parsed.TryParseKey(NextWord(ref rest), mayFollow) is { } problem)
            {
                return problem;
            }
        }

        opening = parsed;
        return null;
    }

    private static ReadOnlySpan<byte> NextWord(ref ReadOnlySpan<byte> rest)
    {
        int space = rest.IndexOf((byte)' ');
        ReadOnlySpan<byte> word = space < 0 ? rest : rest[..space];
        // A space at the end begins an empty word, which is an error like any other unknown key.
        rest = space < 0 ? default : rest[(space + 1)..] is { IsEmpty: false } more ? more : " "u8;
        return word;
    }

    private string? TryParseKey(ReadOnlySpan<byte> word, bool mayFollow)
    {
        if (word.StartsWith("from="u8))
        {
            ReadOnlySpan<byte> digits = word[5..];
            if (From is not null || !Utf8Parser.TryParse(digits, out long from, out int read) || read != digits.Length || from < 1 || digits[0] == (byte)'+')
            {
                return "from= is a line number, from 1";
            }

            From = from;
            return null;
        }

        if (word.StartsWith("token="u8))
        {
            ReadOnlySpan<byte> token = word[6..];
            if (Token.Length > 0 || token.Length is 0 or > MaxTokenSize || token.ContainsAnyExceptInRange((byte)'!', (byte)'~'))
            {
                return $"token= is 1 to {MaxTokenSize} visible ASCII characters";
            }

            Token = token.ToArray();
            return null;
        }

        if (mayFollow && word.SequenceEqual("follow"u8) && !Follows)
        {
            Follows = true;
            return null;
        }

        return "unknown key in the opening";
    }
}
