using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using LineServer.Configuration;

namespace LineServer.Handlers.Stored;

/// <summary>Who may use which streams of an endpoint.</summary>
internal sealed class TokenCheck(IReadOnlyList<TokenSettings> tokens)
{
    private readonly Entry[] _entries = [.. tokens.Select(token => new Entry(
        SHA256.HashData(Encoding.ASCII.GetBytes(token.Secret)),
        new Regex($"^{Regex.Escape(token.Streams).Replace("\\*", ".*", StringComparison.Ordinal)}$", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)))];

    /// <summary>True if the client may use the stream. Without tokens, everyone may.</summary>
    /// <remarks>The time it takes says nothing about the secrets: hashes are compared, all of them, each in constant time.</remarks>
    public bool Allows(Opening opening)
    {
        if (_entries.Length == 0)
        {
            return true;
        }

        byte[] hash = SHA256.HashData(opening.Token);
        bool isAllowed = false;
        foreach (Entry entry in _entries)
        {
            isAllowed |= CryptographicOperations.FixedTimeEquals(hash, entry.Hash) & entry.Streams.IsMatch(opening.Stream);
        }

        return isAllowed;
    }

    private sealed record Entry(byte[] Hash, Regex Streams);
}
