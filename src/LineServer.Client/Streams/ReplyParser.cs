namespace LineServer.Client.Streams;

/// <summary>
/// Finds the server's replies in its bytes, however they are cut. Pure: it neither receives nor waits.
/// Unknown lines are skipped, and so are lines that are longer than any known one.
/// </summary>
internal sealed class ReplyParser
{
    private const byte LineFeed = (byte)'\n';

    /// <summary>The longest line that is looked at, in bytes.</summary>
    private const int MaxLineSize = 4096;

    private readonly byte[] _line = new byte[MaxLineSize];
    private int _length;
    private bool _isTooLong;

    /// <summary>Reads the next reply and removes its bytes from the front.</summary>
    /// <returns>False if the bytes hold no further reply. They have all been taken then.</returns>
    public bool TryRead(ref ReadOnlySpan<byte> bytes, out StreamReply reply)
    {
        while (bytes.IndexOf(LineFeed) is int lineFeed and >= 0)
        {
            Hold(bytes[..lineFeed]);
            bytes = bytes[(lineFeed + 1)..];
            ReadOnlySpan<byte> line = _isTooLong ? default : _line.AsSpan(0, _length);
            (_length, _isTooLong) = (0, false);
            if (StreamReply.TryParse(line, out reply))
            {
                return true;
            }
        }

        Hold(bytes);
        bytes = default;
        reply = default;
        return false;
    }

    private void Hold(ReadOnlySpan<byte> bytes)
    {
        _isTooLong |= !bytes.TryCopyTo(_line.AsSpan(_length));
        _length += _isTooLong ? 0 : bytes.Length;
    }
}
