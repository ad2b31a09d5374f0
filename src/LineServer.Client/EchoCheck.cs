using System.Buffers;
using LineServer.Linux;

namespace LineServer.Client;

/// <summary>Compares the bytes received with the bytes sent, however they are split.</summary>
internal sealed class EchoCheck(IExpectedBytes expected)
{
    private const byte LineFeed = (byte)'\n';

    /// <summary>
    /// The number of bytes shown before the first difference; <see cref="ShownAfter"/> is the number after
    /// it.
    /// </summary>
    private const int ShownBefore = 16;
    private const int ShownAfter = 32;

    /// <summary>
    /// The number of bytes compared at once. The block is rented for each comparison, so thousands of
    /// connections share a few.
    /// </summary>
    private const int BlockSize = 16 * 1024;

    private readonly byte[] _before = new byte[ShownBefore];
    private int _beforeLength;
    private long _lines;
    private long _bytesOfLine;

    /// <summary>Checks the next bytes received.</summary>
    /// <returns>What is wrong, as a message; null if nothing is.</returns>
    /// <exception cref="IOException">An input file cannot be read again.</exception>
    public string? Check(ReadOnlySpan<byte> received)
    {
        byte[] block = ArrayPool<byte>.Shared.Rent(BlockSize);
        try
        {
            while (!received.IsEmpty)
            {
                int wanted = Math.Min(received.Length, BlockSize);
                ReadOnlySpan<byte> sent = block.AsSpan(0, expected.Take(block.AsSpan(0, wanted)));
                int same = sent.CommonPrefixLength(received);
                Matched(received[..same]);
                if (same < sent.Length || sent.IsEmpty)
                {
                    // Show the rest of the expected line too, not only as many bytes as arrived.
                    int more = expected.Take(block.AsSpan(sent.Length, Math.Min(ShownAfter, block.Length - sent.Length)));
                    return Difference(block.AsSpan(same, sent.Length + more - same), received[same..]);
                }

                received = received[same..];
            }

            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    private void Matched(ReadOnlySpan<byte> bytes)
    {
        int lastLineFeed = bytes.LastIndexOf(LineFeed);
        if (lastLineFeed >= 0)
        {
            _lines += bytes.Count(LineFeed);
            _bytesOfLine = 0;
            _beforeLength = 0;
            bytes = bytes[(lastLineFeed + 1)..];
        }

        _bytesOfLine += bytes.Length;
        bytes = bytes[^Math.Min(bytes.Length, ShownBefore)..];
        int kept = Math.Min(_beforeLength, ShownBefore - bytes.Length);
        _before.AsSpan(_beforeLength - kept, kept).CopyTo(_before);
        bytes.CopyTo(_before.AsSpan(kept));
        _beforeLength = kept + bytes.Length;
    }

    private string Difference(ReadOnlySpan<byte> sent, ReadOnlySpan<byte> received)
    {
        string difference = Describe(sent, received);
        return expected.ChangedInput is string changed
            ? $"{changed} changed while it was sent, so the server may be right: {difference}"
            : difference;
    }

    private string Describe(ReadOnlySpan<byte> sent, ReadOnlySpan<byte> received) => sent.IsEmpty
        ? $"line {_lines + 1}: expected nothing more, got {Excerpt(received)}"
        : $"line {_lines + 1}: the reply differs from byte {_bytesOfLine + 1} on: "
            + $"expected {Excerpt(sent)}, got {Excerpt(received)}";

    private string Excerpt(ReadOnlySpan<byte> from)
    {
        int lineEnd = from.IndexOf(LineFeed) + 1;
        ReadOnlySpan<byte> shown = from[..Math.Min(lineEnd > 0 ? lineEnd : from.Length, ShownAfter)];
        string cutBefore = _bytesOfLine > _beforeLength ? "…" : "";
        string cutAfter = shown.Length < lineEnd || lineEnd == 0 ? "…" : "";
        return $"\"{cutBefore}{EscapedBytes.Of(_before.AsSpan(0, _beforeLength))}{EscapedBytes.Of(shown)}{cutAfter}\"";
    }
}
