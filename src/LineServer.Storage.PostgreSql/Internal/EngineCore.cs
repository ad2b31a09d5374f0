using LineServer.Framing;

namespace LineServer.Storage.PostgreSql.Internal;

/// <summary>
/// Acknowledged lines over an <see cref="IEngine"/>: who may append what, what goes to the engine next, and what its answers
/// mean. It has no thread and does not wait: others take a group, ask the engine, and say what came of it, so that tests can
/// run every order.
/// </summary>
/// <remarks>
/// A piece is sent with the number of its first line and of its attachment, and the engine stores it only if both fit. So a
/// piece that is sent twice is stored once. But a piece whose outcome is not known is never just sent again: the attachment is
/// raised first, which shuts out the transaction that may still run, and the count then says whether the piece is in it.
/// </remarks>
internal sealed class EngineCore(PostgreSqlStoreOptions options)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, StreamHold> _holds = new(StringComparer.Ordinal); // the newest of each stream
    private readonly List<StreamHold> _attaching = [];
    private readonly Queue<StreamHold> _ready = new();
    private readonly List<StreamHold> _unknown = [];
    private readonly Queue<EngineAttachment> _wantRoom = new();
    private long _uncommitted;
    private bool _isClosed;

    /// <summary>Called when there is a group to take. Must return at once.</summary>
    public Action WakeAppender { get; set; } = () => { };

    public Action WakeAttacher { get; set; } = () => { };

    public Action WakeReattacher { get; set; } = () => { };

    /// <summary>Called when an answer shows that the stream is not what it was: the stream, and what is wrong.</summary>
    public Action<string, string> Damaged { get; set; } = (_, _) => { };

    /// <summary>The number of pieces that have become durable.</summary>
    public long StoredPieces { get; private set; }

    public long Uncommitted => Volatile.Read(ref _uncommitted);

    /// <summary>True if lines of any stream are not durable yet.</summary>
    public bool HasUncommitted => Uncommitted > 0;

    public ValueTask<StreamAttachment> AttachAsync(string stream, bool isShared, IAttachmentOwner owner)
    {
        if (!StreamName.IsValid(stream))
        {
            throw new ArgumentException("This is no name for a stream.", nameof(stream));
        }

        EngineAttachment attachment;
        lock (_lock)
        {
            if (_isClosed)
            {
                throw new StoreUnavailableException(StoreRefusal.Stopping, "the store is stopping");
            }

            StreamHold? hold = _holds.GetValueOrDefault(stream);
            if (hold is not null && (hold.IsShared || isShared) && hold.Attachments.Count > 0 && hold.IsShared != isShared)
            {
                throw new StoreUnavailableException(StoreRefusal.InUse, $"the stream {stream} is in use by {(hold.IsShared ? "senders that do not number their lines" : "one that numbers its lines")}");
            }

            if (hold is null || !hold.IsShared || !isShared)
            {
                // An older hold stays the stream's until the engine has shut it out.
                hold = new StreamHold(stream, isShared);
                _attaching.Add(hold);
                if (isShared || !_holds.ContainsKey(stream))
                {
                    _holds[stream] = hold;
                }
            }

            attachment = new EngineAttachment(this, hold, owner);
            hold.Attachments.Add(attachment);
            if (hold.Position is not null && hold.State != HoldState.Ended)
            {
                attachment.Begin(hold.Position with { Count = hold.DurableCount, Crc = hold.DurableCrc });
                attachment.Answer.SetResult(attachment);
            }
        }

        WakeAttacher();
        return new ValueTask<StreamAttachment>(attachment.Answer.Task);
    }

    public AppendResult TryAppend(EngineAttachment attachment, ReadOnlySpan<byte> lines, int count)
    {
        if (count < 1 || lines.IsEmpty || lines[^1] != LineFormat.LineFeed)
        {
            throw new ArgumentException("These are no whole lines.", nameof(lines));
        }

        bool isWoken;
        lock (_lock)
        {
            StreamHold hold = attachment.Hold;
            if (attachment.EndReason != AttachmentEnd.None || _isClosed)
            {
                attachment.TryEnd(AttachmentEnd.StoreStopped, text: null);
                return AppendResult.Ended;
            }

            if (!HasRoom(hold, lines.Length))
            {
                attachment.Wanted = lines.Length;
                return AppendResult.NoRoom;
            }

            Parcel? parcel = hold.Parcels.Count > 0 ? hold.Parcels[^1] : null;
            if (parcel is null || parcel.IsSealed || parcel.Length + lines.Length > options.MaxPieceSize)
            {
                hold.Parcels.Add(parcel = new Parcel(hold.Taken + 1, hold.TakenCrc));
            }

            parcel.Add(lines, count);
            hold.Uncommitted += lines.Length;
            _uncommitted += lines.Length;
            isWoken = TryQueue(hold);
        }

        if (isWoken)
        {
            WakeAppender();
        }

        return AppendResult.Taken;
    }

    public ValueTask WaitForRoomAsync(EngineAttachment attachment)
    {
        lock (_lock)
        {
            if (attachment.EndReason != AttachmentEnd.None || HasRoom(attachment.Hold, attachment.Wanted))
            {
                return default;
            }

            attachment.Room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _wantRoom.Enqueue(attachment);
            return new ValueTask(attachment.Room.Task);
        }
    }

    public ValueTask WaitForCommitAsync(EngineAttachment attachment)
    {
        lock (_lock)
        {
            if (attachment.EndReason != AttachmentEnd.None || attachment.Hold.Parcels.Count == 0)
            {
                return default;
            }

            attachment.Committed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(attachment.Committed.Task);
        }
    }

    /// <summary>The owner has gone. What was taken is stored all the same.</summary>
    public void Detach(EngineAttachment attachment)
    {
        lock (_lock)
        {
            attachment.TryEnd(AttachmentEnd.Detached, text: null);
            EndWaits(attachment);
            attachment.Hold.Attachments.Remove(attachment);
            ForgetIfDone(attachment.Hold);
        }
    }

    /// <summary>Streams to attach to; null if there are none.</summary>
    public IReadOnlyList<StreamHold>? TakeAttachGroup()
    {
        lock (_lock)
        {
            var names = new HashSet<string>(StringComparer.Ordinal);
            List<StreamHold> group = _attaching.FindAll(hold => hold.State != HoldState.Ended && names.Count < options.MaxGroupStreams && names.Add(hold.Stream));
            _attaching.RemoveAll(hold => hold.State == HoldState.Ended || group.Contains(hold));
            return group.Count > 0 ? group : null;
        }
    }

    public void Attached(IReadOnlyList<StreamHold> group, IReadOnlyList<AttachAnswer> answers)
    {
        var told = new List<EngineAttachment>();
        lock (_lock)
        {
            for (int i = 0; i < group.Count; i++)
            {
                if (answers[i].Position is { } position)
                {
                    Begin(group[i], position, told);
                }
                else
                {
                    Refuse(group[i], answers[i].Refusal, answers[i].Reason!, told);
                }
            }
        }

        Tell(told);
        WakeAppender();
    }

    /// <summary>The engine has not attached them, or nobody knows.</summary>
    public void AttachFailed(IReadOnlyList<StreamHold> group, StoreRefusal refusal, string reason)
    {
        var told = new List<EngineAttachment>();
        lock (_lock)
        {
            foreach (StreamHold hold in group)
            {
                if (hold.Parcels.Count > 0)
                {
                    _attaching.Add(hold); // a shared stream that lost its attachment keeps its lines
                }
                else
                {
                    Refuse(hold, refusal, reason, told);
                }
            }
        }

        Tell(told);
    }

    /// <summary>The next pieces; null if there are none.</summary>
    public AppendGroup? TakeAppendGroup()
    {
        lock (_lock)
        {
            List<StreamHold>? holds = null;
            int bytes = 0;
            while (bytes < options.MaxGroupSize && (holds?.Count ?? 0) < options.MaxGroupStreams && _ready.TryDequeue(out StreamHold? hold))
            {
                hold.IsQueued = false;
                if (hold.State != HoldState.Ready || hold.Parcels.Count == 0)
                {
                    continue;
                }

                hold.State = HoldState.InFlight;
                hold.Parcels[0].IsSealed = true;
                bytes += hold.Parcels[0].Length;
                (holds ??= []).Add(hold);
            }

            return holds is null ? null : new AppendGroup(holds);
        }
    }

    public void Appended(AppendGroup group, IReadOnlyList<AppendAnswer> answers)
    {
        var told = new List<EngineAttachment>();
        lock (_lock)
        {
            for (int i = 0; i < group.Holds.Count; i++)
            {
                StreamHold hold = group.Holds[i];
                if (hold.State != HoldState.InFlight)
                {
                    continue; // ended meanwhile
                }

                switch (answers[i])
                {
                    case AppendAnswer.Stored:
                        Complete(hold, told);
                        break;
                    case AppendAnswer.Superseded:
                        Lose(hold, told);
                        break;
                    default:
                        Break(hold, $"line {hold.Parcels[0].First} does not continue it, although nobody else has attached to it", told);
                        break;
                }
            }
        }

        Tell(told);
    }

    /// <summary>Nobody knows what became of the group.</summary>
    public void AppendUnknown(AppendGroup group)
    {
        lock (_lock)
        {
            foreach (StreamHold hold in group.Holds)
            {
                if (hold.State == HoldState.InFlight)
                {
                    hold.State = HoldState.Unknown;
                    _unknown.Add(hold);
                }
            }
        }

        WakeReattacher();
    }

    /// <summary>Streams whose piece may be stored or not; null if there are none.</summary>
    public IReadOnlyList<StreamHold>? TakeReattachGroup()
    {
        lock (_lock)
        {
            List<StreamHold> group = _unknown.FindAll(hold => hold.State == HoldState.Unknown);
            _unknown.Clear();
            if (group.Count > options.MaxGroupStreams)
            {
                _unknown.AddRange(group.Skip(options.MaxGroupStreams));
                group.RemoveRange(options.MaxGroupStreams, group.Count - options.MaxGroupStreams);
            }

            group.ForEach(hold => hold.State = HoldState.Reattaching);
            return group.Count > 0 ? group : null;
        }
    }

    public void Reattached(IReadOnlyList<StreamHold> group, IReadOnlyList<StreamPosition?> answers)
    {
        var told = new List<EngineAttachment>();
        lock (_lock)
        {
            for (int i = 0; i < group.Count; i++)
            {
                if (group[i].State == HoldState.Reattaching)
                {
                    Resolve(group[i], answers[i], told);
                }
            }
        }

        Tell(told);
        WakeAppender();
    }

    public void ReattachFailed(IReadOnlyList<StreamHold> group)
    {
        lock (_lock)
        {
            foreach (StreamHold hold in group.Where(hold => hold.State == HoldState.Reattaching))
            {
                hold.State = HoldState.Unknown;
                _unknown.Add(hold);
            }
        }
    }

    /// <summary>
    /// Ends every numbered attachment that has lines outstanding: its client connects again, here or elsewhere, and learns the
    /// count. Shared streams keep their lines.
    /// </summary>
    public void EndOutstanding(AttachmentEnd end, string reason)
    {
        var told = new List<EngineAttachment>();
        lock (_lock)
        {
            foreach (StreamHold hold in _holds.Values.Where(hold => !hold.IsShared && hold.Parcels.Count > 0).ToList())
            {
                End(hold, end, reason, told);
            }
        }

        Tell(told);
    }

    /// <summary>Nothing more is taken. What was taken may still be stored.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _isClosed = true;
        }
    }

    /// <summary>Ends everything.</summary>
    public void EndAll(AttachmentEnd end)
    {
        var told = new List<EngineAttachment>();
        lock (_lock)
        {
            foreach (StreamHold hold in _holds.Values.Concat(_attaching).Distinct().ToList())
            {
                Refuse(hold, StoreRefusal.Stopping, "the store is stopping", told);
                End(hold, end, reason: null, told);
            }
        }

        Tell(told);
    }

    private static void Tell(List<EngineAttachment> told)
    {
        foreach (EngineAttachment attachment in told)
        {
            attachment.TellOwner();
        }
    }

    private static void EndWaits(EngineAttachment attachment)
    {
        attachment.Room?.TrySetResult();
        attachment.Committed?.TrySetResult();
    }

    private bool HasRoom(StreamHold hold, int size) =>
        (hold.Uncommitted == 0 || hold.Uncommitted + size <= options.MaxUncommittedPerStream)
        && (_uncommitted == 0 || _uncommitted + size <= options.MaxUncommitted);

    /// <returns>True if a lane is to be woken.</returns>
    private bool TryQueue(StreamHold hold)
    {
        if (hold.State != HoldState.Ready || hold.IsQueued || hold.Parcels.Count == 0)
        {
            return false;
        }

        hold.IsQueued = true;
        _ready.Enqueue(hold);
        return true;
    }

    private void Begin(StreamHold hold, StreamPosition position, List<EngineAttachment> told)
    {
        if (hold.State != HoldState.Attaching)
        {
            return; // ended meanwhile
        }

        // Whoever had the stream here is shut out by now, and need not be told by its next piece. One that is still being
        // attached comes after this one.
        if (_holds.GetValueOrDefault(hold.Stream) is { Position: not null } older && older != hold)
        {
            End(older, AttachmentEnd.Superseded, reason: null, told);
        }

        _holds[hold.Stream] = hold;
        Take(hold, position);
        foreach (EngineAttachment attachment in hold.Attachments)
        {
            if (!attachment.Answer.Task.IsCompleted)
            {
                attachment.Begin(position);
                attachment.Answer.SetResult(attachment);
            }
        }

        // Lines of a shared stream that lost its attachment have no numbers that anyone knows.
        long count = position.Count;
        uint crc = position.Crc;
        foreach (Parcel parcel in hold.Parcels)
        {
            parcel.IsSealed = false;
            parcel.MoveBehind(count, crc);
            (count, crc) = (parcel.Last, parcel.Crc);
        }

        TryQueue(hold);
        ForgetIfDone(hold);
    }

    private static void Take(StreamHold hold, StreamPosition position)
    {
        hold.Position = position;
        hold.DurableCount = position.Count;
        hold.DurableCrc = position.Crc;
        hold.State = HoldState.Ready;
    }

    private void Refuse(StreamHold hold, StoreRefusal refusal, string reason, List<EngineAttachment> told)
    {
        foreach (EngineAttachment attachment in hold.Attachments)
        {
            attachment.Answer.TrySetException(new StoreUnavailableException(refusal, reason));
        }

        if (hold.Position is null)
        {
            End(hold, AttachmentEnd.Unavailable, reason, told);
        }
    }

    /// <summary>A newer attachment has the stream.</summary>
    private void Lose(StreamHold hold, List<EngineAttachment> told)
    {
        if (!hold.IsShared)
        {
            End(hold, AttachmentEnd.Superseded, reason: null, told);
            return;
        }

        hold.State = HoldState.Attaching;
        _attaching.Add(hold);
        WakeAttacher();
    }

    /// <summary>The first parcel is durable.</summary>
    private void Complete(StreamHold hold, List<EngineAttachment> told)
    {
        Parcel parcel = hold.Parcels[0];
        hold.Parcels.RemoveAt(0);
        StoredPieces++;
        hold.DurableCount = parcel.Last;
        hold.DurableCrc = parcel.Crc;
        hold.State = HoldState.Ready;
        parcel.Free();
        Release(hold, parcel.Length);
        foreach (EngineAttachment attachment in hold.Attachments)
        {
            attachment.SetDurable(hold.DurableCount);
            if (hold.Parcels.Count == 0)
            {
                attachment.Committed?.TrySetResult();
            }

            told.Add(attachment);
        }

        if (TryQueue(hold))
        {
            WakeAppender();
        }

        ForgetIfDone(hold);
    }

    /// <summary>The attachment was raised again: the count tells whether the first parcel is stored.</summary>
    private void Resolve(StreamHold hold, StreamPosition? position, List<EngineAttachment> told)
    {
        Parcel parcel = hold.Parcels[0];
        if (position is null)
        {
            Lose(hold, told);
        }
        else if (position.Count == parcel.Last && position.Crc == parcel.Crc)
        {
            hold.Position = position;
            Complete(hold, told);
        }
        else if (position.Count == parcel.First - 1 && position.Crc == parcel.CrcBefore)
        {
            Take(hold, position);
            TryQueue(hold);
        }
        else
        {
            Break(hold, $"it has {position.Count} lines with the checksum {position.Crc:x8}; {parcel.First - 1} with {parcel.CrcBefore:x8}, or {parcel.Last} with {parcel.Crc:x8}, were expected", told);
        }
    }

    /// <summary>Something is wrong that must not be: said aloud, and nothing is guessed.</summary>
    private void Break(StreamHold hold, string reason, List<EngineAttachment> told)
    {
        Damaged(hold.Stream, reason);
        End(hold, AttachmentEnd.StoreFailed, $"the stream {hold.Stream} does not add up: {reason}", told);
    }

    private void End(StreamHold hold, AttachmentEnd end, string? reason, List<EngineAttachment> told)
    {
        if (hold.State == HoldState.Ended)
        {
            return;
        }

        bool isInFlight = hold.State == HoldState.InFlight;
        hold.State = HoldState.Ended;
        foreach (Parcel parcel in hold.Parcels)
        {
            Release(hold, parcel.Length);
            if (!parcel.IsSealed || !isInFlight)
            {
                parcel.Free();
            }
        }

        hold.Parcels.Clear();
        foreach (EngineAttachment attachment in hold.Attachments)
        {
            attachment.TryEnd(end, reason);
            EndWaits(attachment);
            told.Add(attachment);
        }

        ForgetIfDone(hold);
    }

    /// <summary>Gives room back, and ends the waits of those who have it now.</summary>
    private void Release(StreamHold hold, int size)
    {
        hold.Uncommitted -= size;
        _uncommitted -= size;
        for (int waiting = _wantRoom.Count; waiting > 0; waiting--)
        {
            EngineAttachment next = _wantRoom.Dequeue();
            if (next.EndReason != AttachmentEnd.None || HasRoom(next.Hold, next.Wanted))
            {
                next.Room!.TrySetResult();
            }
            else
            {
                _wantRoom.Enqueue(next);
            }
        }
    }

    private void ForgetIfDone(StreamHold hold)
    {
        bool isDone = hold.State == HoldState.Ended || (hold.Attachments.Count == 0 && hold.Parcels.Count == 0 && hold.State == HoldState.Ready);
        if (isDone && _holds.GetValueOrDefault(hold.Stream) == hold)
        {
            _holds.Remove(hold.Stream);
        }
    }
}

/// <summary>Streams whose first parcels go to the engine together.</summary>
internal sealed class AppendGroup
{
    public AppendGroup(IReadOnlyList<StreamHold> holds)
    {
        Holds = holds;
        Pieces = [.. holds.Select(hold => (hold.Position!, hold.Parcels[0]) is var (position, parcel)
            ? new Piece(position.Id, position.Attachment, parcel.First, parcel.Lines, parcel.Crc, parcel.Text)
            : default)];
    }

    public IReadOnlyList<StreamHold> Holds { get; }

    public IReadOnlyList<Piece> Pieces { get; }
}
