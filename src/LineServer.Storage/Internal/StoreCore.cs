using System.Diagnostics;
using LineServer.Framing;
using LineServer.Storage.Internal.Commit;
using LineServer.Storage.Internal.Files;
using LineServer.Storage.Internal.Log;
using LineServer.Storage.Internal.Segments;

namespace LineServer.Storage.Internal;

/// <summary>
/// An open store, from a recovery to the next failure or the end. It has no thread: one calls the committer's step, one
/// the applier's, and any thread appends. Tests call all of them on one thread, in any order.
/// </summary>
/// <remarks>
/// The way of a line: <see cref="TryAppend"/> gathers it, <see cref="CommitNext"/> writes it to the log, syncs and
/// acknowledges it, <see cref="ApplyNext"/> writes it to its segment, <see cref="WriteCheckpoint"/> syncs the segments and
/// frees the log.
/// </remarks>
internal sealed class StoreCore : IDisposable
{
    /// <summary>Of so many bytes, a write to the segments is worth its call.</summary>
    private const int ApplyAtOnce = 64 * 1024;

    /// <summary>A step of the applier takes no more, so that the disk is never flooded in front of a commit.</summary>
    private const int MostAppliedAtOnce = 1024 * 1024;

    private readonly IStoreFiles _files;
    private readonly StoreOptions _options;
    private readonly StoreIdentity _identity;
    private readonly long _epoch;

    // Under the lock: what is gathered, and who waits.
    private readonly Lock _lock = new();
    private readonly Gathering _gathering;
    private readonly HashSet<Attachment> _live = [];
    private readonly List<Attachment> _waiting = [];
    private readonly Queue<Group> _committed = new();
    private readonly List<Removal> _removals = [];
    private long _uncommitted;
    private long _unapplied;
    private bool _isCommitterIdle;
    private ApplierState _applier;
    private bool _isClosing;
    private AttachmentEnd _end;

    // The committer's.
    private readonly StreamTable _streams;
    private readonly LogFiles _log;
    private readonly FrameWriter _frame = new();
    private readonly List<Attachment> _touched = [];
    private readonly List<Attachment> _toWake = [];
    private Group? _inCommit; // its frame is built, and waits for room in the log
    private long _lsn;

    // The applier's.
    private readonly SegmentFiles _segments;
    private readonly Applier _applied;
    private readonly List<Group> _applying = [];
    private long _checkpointedLsn;
    private bool _isCheckpointDue; // the committer, or a removal, waits for one

    /// <summary>For <see cref="Recovery"/>: a store whose checkpoint covers all that was accepted.</summary>
    public StoreCore(IStoreFiles files, StoreOptions options, StoreIdentity identity, Checkpoint checkpoint, SegmentFiles segments)
    {
        _files = files;
        _options = options;
        _identity = identity;
        _epoch = checkpoint.Epoch;
        _lsn = _checkpointedLsn = checkpoint.Lsn;
        _segments = segments;
        _applied = new Applier(segments, checkpoint);
        _streams = new StreamTable(options, checkpoint.Streams);
        _gathering = new Gathering(options.MaxCommitSize);
        _log = new LogFiles(files, options.LogFileSize);
    }

    /// <summary>Called after an append, if the committer was idle. Any thread.</summary>
    public Action? WakeCommitter { get; set; }

    /// <summary>Called when the applier has something to do, if it waits.</summary>
    public Action? WakeApplier { get; set; }

    /// <summary>Called with the name of a stream to whose segments lines were written.</summary>
    public Action<string>? Applied { get; set; }

    public StoreMetrics? Metrics { get; set; }

    /// <summary>The bytes of lines that wait for their commit. Any thread.</summary>
    public long Uncommitted => Volatile.Read(ref _uncommitted);

    /// <summary>The bytes of committed lines that wait to be applied. Any thread.</summary>
    public long Unapplied => Volatile.Read(ref _unapplied);

    public string Id => _identity.Id;

    /// <summary>
    /// A log file has been filled since the last checkpoint, or someone waits for one. Three more can be filled until
    /// commits have to wait.
    /// </summary>
    public bool IsCheckpointDue =>
        Volatile.Read(ref _isCheckpointDue) || _applied.LogBytesSinceCheckpoint >= _options.LogFileSize;

    /// <summary>True if something was applied that no checkpoint covers.</summary>
    public bool HasUncheckpointed => _applied.Lsn > Volatile.Read(ref _checkpointedLsn);

    /// <summary>Asks to attach. The committer answers.</summary>
    public Task<StreamAttachment> AttachAsync(string stream, bool isShared, IAttachmentOwner owner)
    {
        var attachment = new Attachment(this, stream, isShared, owner);
        bool mustWake;
        lock (_lock)
        {
            if (_isClosing || _end != AttachmentEnd.None)
            {
                throw Unavailable(_end);
            }

            _live.Add(attachment);
            _gathering.Add(attachment, ItemKind.Attach);
            mustWake = TakeIdle(ref _isCommitterIdle);
        }

        Wake(mustWake);
        return attachment.Answer.Task;
    }

    public AppendResult TryAppend(Attachment attachment, ReadOnlySpan<byte> lines, int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(lines.Length, _options.MaxCommitSize, nameof(lines));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        if (lines.IsEmpty || lines[^1] != LineFormat.LineFeed)
        {
            // Committed, it would make a log that no recovery accepts.
            throw new ArgumentException("Only whole lines are stored.", nameof(lines));
        }

        Debug.Assert(lines.Count(LineFormat.LineFeed) == count, "the lines were counted wrong");
        bool mustWake;
        lock (_lock)
        {
            if (attachment.EndReason != AttachmentEnd.None)
            {
                return AppendResult.Ended;
            }

            if (!HasRoom(attachment, lines.Length))
            {
                attachment.Wanted = lines.Length;
                return AppendResult.NoRoom;
            }

            int cost = _gathering.AddLines(attachment, lines, count);
            attachment.Uncommitted += cost;
            _uncommitted += cost;
            mustWake = TakeIdle(ref _isCommitterIdle);
        }

        Wake(mustWake);
        return AppendResult.Taken;
    }

    /// <summary>Begins a wait, unless what it is for has come.</summary>
    public bool MustWait(Attachment attachment, Attachment.Wait wait)
    {
        lock (_lock)
        {
            Debug.Assert(attachment.WaitsFor == Attachment.Wait.Nothing, "an attachment waits twice");
            if (_end != AttachmentEnd.None || HasCome(attachment, wait))
            {
                return false;
            }

            attachment.BeginWait(wait);
            _waiting.Add(attachment);
            return true;
        }
    }

    /// <summary>The owner has gone.</summary>
    public void Detach(Attachment attachment)
    {
        bool mustWake;
        lock (_lock)
        {
            if (!_live.Remove(attachment) || _end != AttachmentEnd.None)
            {
                return;
            }

            _gathering.Add(attachment, ItemKind.Detach);
            mustWake = TakeIdle(ref _isCommitterIdle);
        }

        Wake(mustWake);
    }

    /// <summary>The committer's step.</summary>
    /// <exception cref="IOException">A write or a sync has failed: call <see cref="End"/>, then recover.</exception>
    public CommitOutcome CommitNext()
    {
        if (_inCommit is null && !TryPrepare(out CommitOutcome outcome))
        {
            return outcome;
        }

        Group group = _inCommit!;
        if (group.LogBytes > 0)
        {
            if (!_log.TryReserve(group.LogBytes, Volatile.Read(ref _checkpointedLsn)))
            {
                WaitForCheckpoint();
                return CommitOutcome.Blocked;
            }

            long start = Stopwatch.GetTimestamp();
            _log.Write(_frame.Buffers, group.LogBytes, group.Lsn);
            if (_options.Durability == Durability.Synced)
            {
                _log.Sync();
            }

            Metrics?.Committed(group.Lines, group.TextBytes, start);
        }

        _inCommit = null;
        Publish(group);
        HandOver(group);
        return CommitOutcome.Committed;
    }

    /// <summary>
    /// The applier's: true if it should wait a moment before its step, because one writer waits for each of its small
    /// commits: they are then written to the segment in one piece. Ends with <see cref="WakeApplier"/>, if much comes.
    /// </summary>
    public bool BeginsToLinger()
    {
        lock (_lock)
        {
            if (_unapplied >= ApplyAtOnce || !_committed.TryPeek(out Group? group) || group.Items.Length > 1)
            {
                return false;
            }

            _applier = ApplierState.Lingering;
            return true;
        }
    }

    /// <summary>The applier's step: writes to the segments what was committed. Returns false if there was nothing.</summary>
    /// <exception cref="IOException">A write or a sync has failed: call <see cref="End"/>, then recover.</exception>
    public bool ApplyNext()
    {
        long cost = 0;
        lock (_lock)
        {
            while (cost < MostAppliedAtOnce && _committed.TryDequeue(out Group? group))
            {
                _applying.Add(group);
                cost += group.Cost;
            }

            _applier = _applying.Count > 0 ? ApplierState.Busy : ApplierState.Idle;
        }

        if (_applying.Count == 0)
        {
            return false;
        }

        _applied.Apply(_applying, Applied);
        bool mustWake;
        lock (_lock)
        {
            _unapplied -= cost;
            _applying.ForEach(_gathering.Release);
            mustWake = TakeIdle(ref _isCommitterIdle);
        }

        _applying.Clear();
        Wake(mustWake);
        if (_log.IsNextDue)
        {
            _log.PrepareNext(cost);
        }

        return true;
    }

    /// <summary>The applier's: makes durable what was applied, and frees the log up to there.</summary>
    /// <exception cref="IOException">A write or a sync has failed: call <see cref="End"/>, then recover.</exception>
    public void WriteCheckpoint()
    {
        List<Removal> removals;
        lock (_lock)
        {
            removals = [.. _removals];
        }

        removals.ForEach(removal => _applied.KeepFrom(removal.Stream, removal.FirstKept));
        Checkpoint checkpoint = _applied.Sync();
        checkpoint.Write(_files);
        bool mustWake;
        lock (_lock)
        {
            _removals.RemoveRange(0, Math.Min(removals.Count, _removals.Count));
            Volatile.Write(ref _checkpointedLsn, checkpoint.Lsn);
            Volatile.Write(ref _isCheckpointDue, _removals.Count > 0);
            mustWake = TakeIdle(ref _isCommitterIdle);
        }

        Wake(mustWake);
        Metrics?.Checkpointed();
        removals.ForEach(removal => removal.Done.TrySetResult());
    }

    /// <summary>Frees memory that was not needed since the last call.</summary>
    public void Trim()
    {
        lock (_lock)
        {
            _gathering.Trim();
        }
    }

    /// <summary>
    /// A stream loses its lines before one. Ends when a checkpoint says so; only then may their segments be deleted.
    /// </summary>
    /// <exception cref="OperationCanceledException">The store has failed or stopped before.</exception>
    public Task KeepFromAsync(string stream, long firstKept)
    {
        var removal = new Removal(stream, firstKept, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_lock)
        {
            if (_end != AttachmentEnd.None)
            {
                return Task.FromCanceled(new CancellationToken(canceled: true));
            }

            _removals.Add(removal);
            Volatile.Write(ref _isCheckpointDue, true);
        }

        WakeApplier?.Invoke();
        return removal.Done.Task;
    }

    /// <summary>
    /// Takes nothing more. What was taken can be committed; who waits for room waits until <see cref="End"/>.
    /// </summary>
    public void Close()
    {
        lock (_lock)
        {
            _isClosing = true;
        }
    }

    /// <summary>Ends every attachment, and refuses new ones. Any thread; the first end wins.</summary>
    public void End(AttachmentEnd end)
    {
        List<Attachment> ended;
        List<Attachment> waiting;
        lock (_lock)
        {
            if (_end != AttachmentEnd.None)
            {
                return;
            }

            _end = end;
            ended = [.. _live];
            waiting = [.. _waiting];
            _removals.ForEach(removal => removal.Done.TrySetCanceled());
            _removals.Clear();
            ended.ForEach(attachment => attachment.TryEnd(end));
            _live.Clear();
            _waiting.Clear();
        }

        foreach (Attachment attachment in ended)
        {
            attachment.Answer.TrySetException(Unavailable(end));
            attachment.TellOwner();
        }

        foreach (Attachment attachment in waiting)
        {
            attachment.WaitsFor = Attachment.Wait.Nothing;
            attachment.EndWait();
        }
    }

    public void Dispose()
    {
        _log.Dispose();
        _segments.Dispose();
    }

    private static StoreUnavailableException Unavailable(AttachmentEnd end) => end == AttachmentEnd.StoreFailed
        ? new(StoreRefusal.Failed, "the store has failed, and is being recovered")
        : new(StoreRefusal.Stopping, "the store is stopping");

    private static bool TakeIdle(ref bool isIdle)
    {
        bool was = isIdle;
        isIdle = false;
        return was;
    }

    private void Wake(bool mustWake)
    {
        if (mustWake)
        {
            WakeCommitter?.Invoke();
        }
    }

    private bool HasRoom(Attachment attachment, int bytes) =>
        !_isClosing
        && (attachment.Uncommitted == 0 || attachment.Uncommitted + bytes <= _options.MaxUncommittedPerAttachment)
        && (_uncommitted == 0 || _uncommitted + bytes <= _options.MaxUncommitted);

    // Half of the share, so that a waiting connection is not woken for a few bytes.
    private bool HasCome(Attachment attachment, Attachment.Wait wait) => wait switch
    {
        Attachment.Wait.Room => attachment.EndReason != AttachmentEnd.None
            || (attachment.Uncommitted <= _options.MaxUncommittedPerAttachment / 2 && _uncommitted <= _options.MaxUncommitted / 2
                && HasRoom(attachment, attachment.Wanted)),
        _ => attachment.Uncommitted == 0,
    };

    private bool TryPrepare(out CommitOutcome outcome)
    {
        Group? group;
        lock (_lock)
        {
            if (_unapplied >= _options.MaxUnapplied)
            {
                _isCommitterIdle = true;
                outcome = CommitOutcome.Blocked;
                return false;
            }

            group = _gathering.Take();
            _isCommitterIdle = group is null;
        }

        outcome = CommitOutcome.Idle;
        if (group is null)
        {
            return false;
        }

        group.Lines = _streams.Place(group.Items);
        if (group.Lines > 0)
        {
            var frame = new Frame
            {
                Key = _identity.Key,
                Epoch = _epoch,
                Lsn = _lsn + 1,
                IsSynced = _options.Durability == Durability.Synced,
                Time = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond,
            };
            group.LogBytes = _frame.Build(ref frame, group.Items);
            group.TextBytes = frame.TextBytes;
            _lsn++;
        }
        else
        {
            group.LogBytes = 0;
        }

        group.Lsn = _lsn;
        _inCommit = group;
        return true;
    }

    private void Touch(Attachment attachment)
    {
        if (!attachment.IsTouched)
        {
            attachment.IsTouched = true;
            _touched.Add(attachment);
        }
    }

    /// <summary>The group is durable: tells everyone whom it concerns, each once.</summary>
    private void Publish(Group group)
    {
        foreach (Attachment superseded in _streams.Superseded)
        {
            Touch(superseded);
        }

        foreach (ref GroupItem item in group.Items)
        {
            if (item is { Kind: ItemKind.Lines, Stream: not null })
            {
                item.Attachment.SetDurable(item.CountAfter);
                Touch(item.Attachment);
            }
        }

        lock (_lock)
        {
            foreach (ref GroupItem item in group.Items)
            {
                item.Attachment.Uncommitted -= item.Cost;
                _uncommitted -= item.Cost;
            }

            TakeWaits();
        }

        foreach (ref GroupItem item in group.Items)
        {
            if (item.Kind == ItemKind.Attach)
            {
                Answer(item.Attachment);
            }
        }

        foreach (Attachment attachment in _touched)
        {
            attachment.IsTouched = false;
            attachment.TellOwner();
        }

        foreach (Attachment attachment in _toWake)
        {
            attachment.EndWait();
        }

        _touched.Clear();
        _toWake.Clear();
    }

    private void TakeWaits()
    {
        for (int i = _waiting.Count - 1; i >= 0; i--)
        {
            Attachment attachment = _waiting[i];
            if (HasCome(attachment, attachment.WaitsFor))
            {
                attachment.WaitsFor = Attachment.Wait.Nothing;
                _toWake.Add(attachment);
                _waiting[i] = _waiting[^1];
                _waiting.RemoveAt(_waiting.Count - 1);
            }
        }
    }

    private void Answer(Attachment attachment)
    {
        if (attachment.Refused is not { } refused)
        {
            attachment.Answer.TrySetResult(attachment);
            return;
        }

        lock (_lock)
        {
            _live.Remove(attachment);
        }

        attachment.Answer.TrySetException(refused);
    }

    private void HandOver(Group group)
    {
        bool mustWake = false;
        lock (_lock)
        {
            if (group.LogBytes == 0)
            {
                _gathering.Release(group);
            }
            else
            {
                _committed.Enqueue(group);
                _unapplied += group.Cost;
                mustWake = _applier == ApplierState.Idle || (_applier == ApplierState.Lingering && _unapplied >= ApplyAtOnce);
                if (mustWake)
                {
                    _applier = ApplierState.Busy;
                }
            }
        }

        if (mustWake)
        {
            WakeApplier?.Invoke();
        }
    }

    private void WaitForCheckpoint()
    {
        lock (_lock)
        {
            Volatile.Write(ref _isCheckpointDue, true);
            _isCommitterIdle = true;
        }

        WakeApplier?.Invoke();
    }

    /// <summary>What the applier waits for.</summary>
    private enum ApplierState
    {
        /// <summary>Nothing: it looks again before it waits.</summary>
        Busy,

        /// <summary>More to be committed, for a moment.</summary>
        Lingering,

        /// <summary>Anything to be committed.</summary>
        Idle,
    }

    /// <summary>What retention asks for.</summary>
    private sealed record Removal(string Stream, long FirstKept, TaskCompletionSource Done);
}
