namespace LineServer.Client.Streams;

/// <summary>The secret that allows a stream: 1 to 128 visible ASCII characters.</summary>
internal static class StreamToken
{
    public const int MaxLength = 128;

    public static bool IsValid(string token) => token.Length is >= 1 and <= MaxLength && !token.AsSpan().ContainsAnyExceptInRange('!', '~');

    /// <summary>Reads a file whose only line is the token.</summary>
    /// <exception cref="IOException">It cannot be read, or holds something else; the message says which.</exception>
    public static string Read(string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{path}: permission denied", e);
        }
        catch (IOException e)
        {
            throw new IOException(File.Exists(path) ? $"{path}: {e.Message}" : $"{path}: no such file", e);
        }

        return lines is [var token] && IsValid(token)
            ? token
            : throw new IOException($"{path}: must hold one line, a token of 1 to {MaxLength} visible ASCII characters");
    }
}
