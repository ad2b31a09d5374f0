using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Threading.Tasks.Sources;

namespace LineServer.Storage.Internal.Commit;

/// <summary>An attachment to a stream of a <see cref="StoreCore"/>.</summary>
/// <remarks>
/// The store's lock guards what it has uncommitted and what it waits for. The committer sets what is durable, and the end.
/// </remarks>
internal sealed class Attachment(StoreCore core, string stream, bool isShared, IAttachmentOwner owner) : StreamAttachment, IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _wait = new() { RunContinuationsAsynchronously = true };
    private IAttachmentOwner? _owner = owner;
    private long _count;
    private long _first = 1;
    private uint _crc;
    private long _durableCount;
    private int _end;

    /// <summary>What an attachment waits for.</summary>
    public enum Wait
    {
        Nothing,
        Room,
        Commit,
    }

    public override string Stream => stream;

    public override long Count => _count;

    public override uint Crc => _crc;

    public override long FirstKept => _first;

    public override long DurableCount => Volatile.Read(ref _durableCount);

    public override AttachmentEnd EndReason => (AttachmentEnd)Volatile.Read(ref _end);

    public bool IsShared => isShared;

    /// <summary>Answered when the attachment begins, or is refused.</summary>
    public TaskCompletionSource<StreamAttachment> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Under the store's lock.</summary>
    public int Uncommitted { get; set; }

    /// <summary>The bytes for which there was no room last. Under the store's lock.</summary>
    public int Wanted { get; set; }

    /// <summary>Under the store's lock.</summary>
    public Wait WaitsFor { get; set; }

    /// <summary>Its stream, from when it began. The committer's.</summary>
    public StoredStream? Stored { get; private set; }

    /// <summary>True if the owner is to be told of the commit that goes on. The committer's.</summary>
    public bool IsTouched { get; set; }

    /// <summary>Why it was refused; null if it was not. The committer's.</summary>
    public StoreUnavailableException? Refused { get; set; }

    public override AppendResult TryAppend(ReadOnlySpan<byte> lines, int count) => core.TryAppend(this, lines, count);

    public override ValueTask WaitForRoomAsync() => core.MustWait(this, Wait.Room) ? new ValueTask(this, _wait.Version) : default;

    public override ValueTask WaitForCommitAsync() => core.MustWait(this, Wait.Commit) ? new ValueTask(this, _wait.Version) : default;

    public override void Detach()
    {
        Volatile.Write(ref _owner, null);
        TryEnd(AttachmentEnd.Detached);
        core.Detach(this);
    }

    /// <summary>For the committer: the stream as this attachment finds it.</summary>
    public void Begin(StoredStream found)
    {
        Stored = found;
        _count = found.Count;
        _crc = found.Crc;
        _first = found.Applied.First;
        _durableCount = found.Count;
    }

    /// <summary>For the committer: lines are durable.</summary>
    public void SetDurable(long count) => Volatile.Write(ref _durableCount, count);

    /// <summary>The first end wins.</summary>
    public bool TryEnd(AttachmentEnd end) => Interlocked.CompareExchange(ref _end, (int)end, (int)AttachmentEnd.None) == (int)AttachmentEnd.None;

    [SuppressMessage("Design", "CA1031", Justification = "The fault of one owner fails neither the store nor the other owners.")]
    public void TellOwner()
    {
        try
        {
            Volatile.Read(ref _owner)?.OnChanged();
        }
        catch (Exception e)
        {
            Debug.Fail("an owner has thrown", e.ToString());
        }
    }

    /// <summary>Under the store's lock: a wait begins.</summary>
    public void BeginWait(Wait wait)
    {
        _wait.Reset();
        WaitsFor = wait;
    }

    /// <summary>Outside the lock: the wait that was taken ends.</summary>
    public void EndWait() => _wait.SetResult(true);

    void IValueTaskSource.GetResult(short token) => _wait.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);
}
