using System.Buffers;
using System.Text;
using LineServer.Linux;

namespace LineServer.Client;

/// <summary>
/// Makes replies safe for a terminal. LF and CR LF stay; <see cref="EscapedText"/> escapes the rest.
/// Otherwise a server could move the cursor, change the title, or make the terminal send a response.
/// </summary>
internal sealed class TerminalText
{
    /// <summary>
    /// The longest tail that the next bytes can complete: three bytes of a UTF-8 sequence of four.
    /// </summary>
    private const int LongestTail = 3;

    private readonly ArrayBufferWriter<byte> _text = new();
    private readonly byte[] _tail = new byte[LongestTail];
    private int _tailLength;

    /// <summary>
    /// Takes the next bytes. An incomplete sequence at their end is held back for the rest of it.
    /// </summary>
    /// <returns>The bytes to write now; valid until the next call.</returns>
    public ReadOnlySpan<byte> Of(ReadOnlySpan<byte> bytes)
    {
        _text.ResetWrittenCount();
        byte[]? joined = _tailLength == 0 ? null : [.. _tail.AsSpan(0, _tailLength), .. bytes];
        ReadOnlySpan<byte> all = joined ?? bytes;
        _tailLength = TailLength(all);
        all[^_tailLength..].CopyTo(_tail);
        Escape(all[..^_tailLength]);
        return _text.WrittenSpan;
    }

    /// <summary>Ends the text.</summary>
    /// <returns>The remaining bytes to write.</returns>
    public ReadOnlySpan<byte> End()
    {
        _text.ResetWrittenCount();
        Escape(_tail.AsSpan(0, _tailLength));
        _tailLength = 0;
        return _text.WrittenSpan;
    }

    private void Escape(ReadOnlySpan<byte> bytes)
    {
        while (bytes.IndexOf((byte)'\n') is int lineFeed and >= 0)
        {
            bool endsInCrLf = lineFeed > 0 && bytes[lineFeed - 1] == '\r';
            int end = endsInCrLf ? lineFeed - 1 : lineFeed;
            EscapedText.Write(bytes[..end], _text);
            _text.Write(bytes[end..(lineFeed + 1)]);
            bytes = bytes[(lineFeed + 1)..];
        }

        EscapedText.Write(bytes, _text);
    }

    private static int TailLength(ReadOnlySpan<byte> bytes)
    {
        if (bytes is [.., (byte)'\r'])
        {
            return 1;
        }

        for (int length = 1; length <= Math.Min(LongestTail, bytes.Length); length++)
        {
            if (Rune.DecodeFromUtf8(bytes[^length..], out _, out _) == OperationStatus.NeedMoreData)
            {
                return length;
            }
        }

        return 0;
    }
}
