using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace LineServer.Storage.PostgreSql.Internal;

/// <summary>An owner's attachment to a <see cref="StreamHold"/>. The core's lock guards what it waits for.</summary>
internal sealed class EngineAttachment(EngineCore core, StreamHold hold, IAttachmentOwner owner) : StreamAttachment
{
    private IAttachmentOwner? _owner = owner;
    private StreamPosition? _begun;
    private long _durableCount;
    private int _end;

    public override string Stream => hold.Stream;

    public override long Count => _begun!.Count;

    public override uint Crc => _begun!.Crc;

    public override long FirstKept => _begun!.First;

    public override long DurableCount => Volatile.Read(ref _durableCount);

    public override AttachmentEnd EndReason => (AttachmentEnd)Volatile.Read(ref _end);

    public override string? EndText => Volatile.Read(ref _endText);

    private string? _endText;

    public StreamHold Hold => hold;

    /// <summary>Answered when the attachment begins, or is refused.</summary>
    public TaskCompletionSource<StreamAttachment> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The bytes for which there was no room last. Under the core's lock.</summary>
    public int Wanted { get; set; }

    /// <summary>A wait for room, and one for a commit. Under the core's lock.</summary>
    public TaskCompletionSource? Room { get; set; }

    public TaskCompletionSource? Committed { get; set; }

    public override AppendResult TryAppend(ReadOnlySpan<byte> lines, int count) => core.TryAppend(this, lines, count);

    public override ValueTask WaitForRoomAsync() => core.WaitForRoomAsync(this);

    public override ValueTask WaitForCommitAsync() => core.WaitForCommitAsync(this);

    public override void Detach()
    {
        Volatile.Write(ref _owner, null);
        core.Detach(this);
    }

    /// <summary>Under the core's lock: the stream as this attachment finds it.</summary>
    public void Begin(StreamPosition found)
    {
        _begun = found;
        _durableCount = found.Count;
    }

    public void SetDurable(long count) => Volatile.Write(ref _durableCount, count);

    /// <summary>The first end wins.</summary>
    public bool TryEnd(AttachmentEnd end, string? text)
    {
        if (EndReason != AttachmentEnd.None)
        {
            return false;
        }

        Volatile.Write(ref _endText, text);
        return Interlocked.CompareExchange(ref _end, (int)end, (int)AttachmentEnd.None) == (int)AttachmentEnd.None;
    }

    [SuppressMessage("Design", "CA1031", Justification = "The fault of one owner fails neither the store nor the other owners.")]
    public void TellOwner()
    {
        try
        {
            Volatile.Read(ref _owner)?.OnChanged();
        }
        catch (Exception e)
        {
            Trace.TraceError($"an owner has thrown: {e}");
        }
    }
}
