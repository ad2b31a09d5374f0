namespace LineServer.Storage;

/// <summary>The right to append to a stream. One thread at a time uses it.</summary>
public abstract class StreamAttachment
{
    /// <summary>The name of the stream.</summary>
    public abstract string Stream { get; }

    /// <summary>The durable lines of the stream when this attachment began.</summary>
    public abstract long Count { get; }

    /// <summary>The CRC-32C of those lines, each with its LF.</summary>
    public abstract uint Crc { get; }

    /// <summary>The first line that is still kept; 1 if none was removed.</summary>
    public abstract long FirstKept { get; }

    /// <summary>
    /// The durable lines of the stream, as of the last commit that had lines of this attachment. Any thread reads it.
    /// </summary>
    public abstract long DurableCount { get; }

    /// <summary>Why it takes no more lines. Any thread reads it.</summary>
    public abstract AttachmentEnd EndReason { get; }

    /// <summary>More about <see cref="EndReason"/>, for people; null if there is no more. Any thread reads it.</summary>
    public virtual string? EndText => null;

    /// <summary>Takes whole lines, each with its LF, for the next commit. It does not wait.</summary>
    /// <param name="lines">The bytes, which are copied.</param>
    /// <param name="count">The number of lines in them; at least one.</param>
    /// <exception cref="ArgumentException">There is no line, or the last one has no LF.</exception>
    public abstract AppendResult TryAppend(ReadOnlySpan<byte> lines, int count);

    /// <summary>Waits until there is room, or the attachment has ended.</summary>
    public abstract ValueTask WaitForRoomAsync();

    /// <summary>Waits until everything that was taken is committed, or the attachment has ended.</summary>
    public abstract ValueTask WaitForCommitAsync();

    /// <summary>The owner appends no more. What was taken is committed.</summary>
    public abstract void Detach();
}
