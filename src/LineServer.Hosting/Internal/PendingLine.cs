using System.Buffers;
using LineServer.Framing;

namespace LineServer.Hosting.Internal;

/// <summary>
/// A line whose handler has begun, and the replies to it, until they have their turn. Used for one line after another.
/// </summary>
internal sealed class PendingLine(byte delimiter)
{
    private byte[] _copy = [];

    /// <summary>Where the handler stages its replies.</summary>
    public ReplyBuffer Replies { get; } = new(delimiter);

    /// <summary>The handler's; default once the loop joins it, or has taken its result.</summary>
    public ValueTask Task { get; set; }

    /// <summary>Until when the handler has time.</summary>
    public long Deadline { get; set; }

    /// <summary>The bytes held for the line and its replies.</summary>
    public int HeldBytes => _copy.Length + Replies.Staged;

    /// <summary>Copies a line, because its read ends before its handler does.</summary>
    public LineMemory Copy(in Line line)
    {
        int length = line.RawSpan.Length;
        if (_copy.Length < length)
        {
            byte[] larger = ArrayPool<byte>.Shared.Rent(length); // first, because it may fail
            Return();
            _copy = larger;
        }

        return line.ToMemory(_copy);
    }

    /// <summary>Returns the buffers to the pool.</summary>
    public void Release()
    {
        Return();
        _copy = [];
        Replies.Release();
    }

    private void Return()
    {
        if (_copy.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_copy);
        }
    }
}
