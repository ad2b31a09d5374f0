using LineServer.Storage.PostgreSql.Internal;

namespace LineServer.Storage.PostgreSql.Tests.Simulated;

/// <summary>
/// A server over a <see cref="SimulatedDatabase"/>: its core, and the calls that it has under way, one in each lane. Every step
/// is the scenario's.
/// </summary>
internal sealed class SimulatedServer
{
    private readonly SimulatedDatabase _database;
    private readonly EngineSabotage _sabotage;
    private readonly Call?[] _lanes = new Call?[4]; // two that append, one that attaches, one that attaches again

    public SimulatedServer(SimulatedDatabase database, EngineSabotage sabotage, PostgreSqlStoreOptions options)
    {
        (_database, _sabotage) = (database, sabotage);
        Core = new EngineCore(options) { Damaged = (stream, reason) => throw new InvalidDataException($"{stream}: {reason}") };
    }

    public EngineCore Core { get; }

    public bool IsIdle => Array.TrueForAll(_lanes, call => call is null);

    /// <summary>Makes a call in an idle lane, or goes on with the one that is under way.</summary>
    /// <param name="lane">The lane.</param>
    /// <param name="loses">True if what goes on is lost: the call, or its answer.</param>
    public void Step(int lane, bool loses)
    {
        if (_lanes[lane] is not { } call)
        {
            _lanes[lane] = lane switch
            {
                0 or 1 => MakeAppend(),
                2 => MakeAttach(),
                _ => MakeReattach(),
            };
        }
        else if (loses)
        {
            _lanes[lane] = null;
            call.Lose();
        }
        else if (!call.HasTakenPlace && !call.IsAnsweredEarly)
        {
            call.TakePlace();
        }
        else
        {
            _lanes[lane] = null;
            call.Answer();
        }
    }

    /// <summary>The calls that have not taken place: they may still do so when nobody waits for them any more.</summary>
    public IEnumerable<Action> Pending => _lanes.Where(call => call is { HasTakenPlace: false }).Select(call => (Action)call!.TakePlace);

    private Call? MakeAppend()
    {
        if (Core.TakeAppendGroup() is not { } group)
        {
            return null;
        }

        // The memory may be used again when the core has the answer.
        Piece[] pieces = [.. group.Pieces.Select(piece => piece with { Text = piece.Text.ToArray() })];
        IReadOnlyList<AppendAnswer> answers = [];
        return new Call(
            () => answers = _database.Append(pieces),
            () => Core.Appended(group, _sabotage == EngineSabotage.AcknowledgesBeforeTheCommit ? [.. pieces.Select(_ => AppendAnswer.Stored)] : answers),
            () =>
            {
                Core.AppendUnknown(group);
                if (_sabotage is EngineSabotage.RetriesWithoutAttaching or EngineSabotage.RetriesAndCountNotCompared)
                {
                    IReadOnlyList<StreamHold> holds = Core.TakeReattachGroup() ?? [];
                    Core.Reattached(holds, [.. holds.Select(hold => hold.Position! with { Count = hold.Parcels[0].First - 1, Crc = hold.Parcels[0].CrcBefore })]);
                }
            })
        {
            IsAnsweredEarly = _sabotage == EngineSabotage.AcknowledgesBeforeTheCommit,
        };
    }

    private Call? MakeAttach()
    {
        if (Core.TakeAttachGroup() is not { } group)
        {
            return null;
        }

        IReadOnlyList<StreamPosition?> stale = _database.Peek(group.Select(hold => hold.Stream));
        IReadOnlyList<AttachAnswer> answers = [];
        return new Call(
            () =>
            {
                answers = _database.Attach([.. group.Select(hold => new AttachRequest(hold.Stream, hold.IsShared))]);
                if (_sabotage == EngineSabotage.CountReadBeforeTheFence)
                {
                    answers = [.. answers.Select((answer, i) => answer.Position is { } position && stale[i] is { } before
                        ? new AttachAnswer(position with { Count = before.Count, Crc = before.Crc }) : answer)];
                }
            },
            () => Core.Attached(group, answers),
            () => Core.AttachFailed(group, StoreRefusal.Unavailable, "lost"));
    }

    private Call? MakeReattach()
    {
        if (Core.TakeReattachGroup() is not { } group)
        {
            return null;
        }

        StreamPosition[] positions = [.. group.Select(hold => hold.Position!)];
        IReadOnlyList<StreamPosition?> stale = _database.Peek(positions.Select(position => position.Id));
        IReadOnlyList<StreamPosition?> answers = [];
        return new Call(
            () =>
            {
                answers = _database.Reattach(positions);
                if (_sabotage == EngineSabotage.CountReadBeforeTheReattachment)
                {
                    answers = [.. answers.Select((answer, i) => answer is null ? null : answer with { Count = stale[i]!.Count, Crc = stale[i]!.Crc })];
                }
            },
            () => Core.Reattached(group, answers),
            () => Core.ReattachFailed(group));
    }

    private sealed class Call(Action takePlace, Action answer, Action lose)
    {
        public bool HasTakenPlace { get; private set; }

        public bool IsAnsweredEarly { get; init; }

        public void TakePlace()
        {
            if (!HasTakenPlace)
            {
                HasTakenPlace = true;
                takePlace();
            }
        }

        public void Answer() => answer();

        public void Lose() => lose();
    }
}
