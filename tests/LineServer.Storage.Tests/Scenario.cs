using System.Text;
using LineServer.Framing;
using LineServer.Storage.Internal;
using LineServer.Storage.Internal.Commit;
using LineServer.Storage.Internal.Log;
using LineServer.Storage.Internal.Segments;
using LineServer.Storage.Tests.Disk;

namespace LineServer.Storage.Tests;

/// <summary>
/// A store on a simulated disk through several lives, and clients that remember what was acknowledged. A seed decides
/// everything: what clients send, in which order the threads' steps run, and what fails when.
/// </summary>
internal sealed class Scenario : IAttachmentOwner
{
    private const int MostLines = 2_000;

    private readonly Random _random;
    private readonly SimulatedDisk _disk;
    private readonly SabotagedFiles _files;
    private readonly StoreOptions _options;
    private readonly Client[] _clients;
    private StoreCore? _core;

    public Scenario(int seed, Sabotage sabotage = Sabotage.None)
    {
        _random = new Random(seed);
        _disk = new SimulatedDisk(_random);
        _files = new SabotagedFiles(_disk, sabotage);
        _options = new StoreOptions
        {
            Durability = _random.Next(4) == 0 ? Durability.Written : Durability.Synced,
            LogFileSize = _random.Next(2) == 0 ? 32 * 1024 : 64 * 1024,
            SegmentSize = _random.Next(3) == 0 ? 2_000 : 100_000,
            MaxUncommittedPerAttachment = 4_000,
            MaxUnapplied = 32 * 1024,
            MaxOpenSegments = _random.Next(3) == 0 ? 2 : 512,
            Rules = new BrokenRules(sabotage),
        };

        // Most have few streams, each with much; some have more than may be open. The last stream is shared.
        int streams = _random.Next(5) == 0 ? 9 : 3;
        _clients = [.. Enumerable.Range(0, streams).Select(i => new Client($"s{i}", isShared: i == streams - 1, _files))];
    }

    /// <summary>The calls of the disk in which a life ended.</summary>
    public List<int> CrashPoints { get; } = [];

    public long Acknowledged => _clients.Sum(client => client.Acknowledged);

    void IAttachmentOwner.OnChanged()
    {
    }

    /// <summary>Throws if a line was lost, doubled or out of order.</summary>
    public void Run()
    {
        for (int life = 0; life < 4; life++)
        {
            Live(life);
        }

        // The last life ends in order, and everything is where it belongs.
        _disk.SyncFailsOneIn = _disk.WriteFailsOneIn = 0;
        _disk.IsFull = false;
        Open();
        Stop();
        Array.ForEach(_clients, Compare);
        _core!.Dispose();
    }

    private void Live(int life)
    {
        // Most lives are short; a crash may come within the recovery that follows a crash.
        _disk.CrashesAt = _disk.Calls + 1 + (_random.Next(3) == 0 ? _random.Next(30) : _random.Next(200));
        bool fails = life > 0 && _random.Next(3) == 0;
        _disk.SyncFailsOneIn = fails ? _random.Next(5, 60) : 0;
        _disk.WriteFailsOneIn = fails ? _random.Next(20, 100) : 0;
        _disk.IsFull = fails && _random.Next(3) == 0;
        bool isMachine = false;
        try
        {
            Open();
            for (int step = _random.Next(300); step > 0; step--)
            {
                Step();
            }

            if (_random.Next(3) == 0)
            {
                Stop();
            }
        }
        catch (MachineCrashedException)
        {
            CrashPoints.Add(_disk.Calls);
            isMachine = _random.Next(2) == 0;
        }
        catch (IOException)
        {
            // The store has failed. It is recovered in the same process, or that dies too.
            isMachine = _random.Next(4) == 0;
        }

        NoteAcknowledged();
        _core?.End(AttachmentEnd.StoreFailed);
        _core = null;
        if (isMachine)
        {
            _disk.EndMachine();
        }
        else
        {
            _disk.EndProcess();
        }

        foreach (Client client in _clients)
        {
            client.OnDied(isMachine, _options.Durability);
        }

        if (_random.Next(10) == 0)
        {
            FlipBit();
        }
    }

    /// <summary>
    /// A bit of a frame changes that is not the last one: the store must say so, and must not change anything. Then the bit
    /// is as it was.
    /// </summary>
    private void FlipBit()
    {
        if (_options.Durability != Durability.Synced || StoreIdentity.Read(_files) is not { } identity)
        {
            return;
        }

        var log = new LogReader(_files, identity.Key, Checkpoint.Read(_files), _options.Rules);
        log.Read();
        if (log.Accepted.Count < 2)
        {
            return;
        }

        FramePlace place = log.Accepted[_random.Next(log.Accepted.Count - 1)];
        int size = Frame.HeadSize + place.Frame.EntryBytes + place.Frame.TextBytes;
        int offset = (int)place.Offset + _random.Next(size);
        _disk.Find(LogFiles.PathOf(place.File))!.Flip(offset);
        int calls = _disk.Calls;
        Assert.Throws<StoreException>(() => new Recovery(_files, _options).Open());
        Assert.Equal(calls, _disk.Calls);
        _disk.Find(LogFiles.PathOf(place.File))!.Flip(offset);
    }

    private void Open()
    {
        _files.IsRecovering = true;
        _core = new Recovery(_files, _options).Open(renewsLog: _random.Next(4) == 0);
        _files.IsRecovering = false;
        Array.ForEach(_clients, Attach);
        Array.ForEach(_clients, client => client.ReadAll(_random));
    }

    private void Step()
    {
        switch (_random.Next(11))
        {
            case < 5:
                Send(_clients[_random.Next(_clients.Length)]);
                break;
            case < 7:
                _core!.CommitNext();
                break;
            case 7:
                Apply();
                break;
            case 8:
                _clients[_random.Next(_clients.Length)].ReadSome(_random);
                break;
            case 9:
                if (_core!.IsCheckpointDue || _random.Next(5) == 0)
                {
                    _core.WriteCheckpoint();
                }

                break;
            default:
                Client client = _clients[_random.Next(_clients.Length)];
                switch (_random.Next(8))
                {
                    case 0:
                        Attach(client);
                        break;
                    case 1:
                        client.Detach(_random);
                        break;
                    default:
                        break;
                }

                break;
        }

        NoteAcknowledged();
    }

    /// <summary>As the threads do it: everything that was taken is acknowledged and kept.</summary>
    private void Stop()
    {
        _core!.Close();
        Array.ForEach(_clients, Send);
        CommitAll();
        _core.End(AttachmentEnd.StoreStopped);
        NoteAcknowledged();
        Array.ForEach(_clients, client => client.OnStopped());
        while (Apply())
        {
        }

        _core.WriteCheckpoint();
    }

    private bool Apply()
    {
        _files.IsApplying = true;
        bool applied = _core!.ApplyNext();
        _files.IsApplying = false;
        return applied;
    }

    private void CommitAll()
    {
        while (_core!.CommitNext() is var outcome and not CommitOutcome.Idle)
        {
            if (outcome == CommitOutcome.Blocked)
            {
                Apply();
                _core.WriteCheckpoint();
            }
        }
    }

    /// <summary>A newer connection takes the stream. The older one goes on sending for a while.</summary>
    private void Attach(Client client)
    {
        Task<StreamAttachment> answer = _core!.AttachAsync(client.Stream, client.IsShared, this);
        client.SendOld(_random.Next(3));
        CommitAll();
        Assert.True(answer.IsCompletedSuccessfully, "an attachment was not answered");
#pragma warning disable xUnit1031, VSTHRD002 // It has completed.
        client.Begin(answer.Result);
#pragma warning restore xUnit1031, VSTHRD002
    }

    private void Send(Client client) => client.Send(_random.Next(1, 20));

    private void NoteAcknowledged() => Array.ForEach(_clients, client => client.NoteAcknowledged());

    /// <summary>All lines of a stream, byte by byte, from its segments.</summary>
    private void Compare(Client client)
    {
        string directory = SegmentPath.DirectoryOf(client.Stream);
        byte[] stored = [.. _files.List(directory).Order(StringComparer.Ordinal).SelectMany(name => _disk.Find($"{directory}/{name}")!.Cached.ToArray())];
        client.Compare(stored);
    }

    /// <summary>
    /// The sender of a stream, and its reader. The text of each line follows from its number. A shared stream has several
    /// attachments, which send by turns.
    /// </summary>
    private sealed class Client(string stream, bool isShared, SabotagedFiles files)
    {
        private static readonly string Padding = new('x', 200);

        private readonly List<StreamAttachment> _attachments = [];
        private StreamCursor? _cursor;
        private long _next; // the number of the next line to send; 0 if nothing is known in this life
        private long _taken; // the lines that were taken in this life, and may not be lost without a failure
        private int _turn;

        public string Stream => stream;

        public bool IsShared => isShared;

        public long Acknowledged { get; private set; }

        public void Begin(StreamAttachment attachment)
        {
            Assert.True(attachment.Count >= Acknowledged, $"{stream}: {Acknowledged} lines were acknowledged, {attachment.Count} are stored");
            Assert.True(Crc32C.Of(Lines(1, attachment.Count)) == attachment.Crc, $"{stream}: the {attachment.Count} stored lines are not those that were sent");
            if (isShared && _next > 0)
            {
                // What the others have sent behind it is stored too.
                Assert.True(attachment.Count < _next, $"{stream}: more lines are stored than were sent");
            }
            else
            {
                Assert.True(attachment.Count >= _taken, $"{stream}: {_taken} lines were taken and not fenced, {attachment.Count} are stored");
                _attachments.Clear();
                _next = attachment.Count + 1;
            }

            _attachments.Add(attachment);
            NoteAcknowledged();
        }

        public void Send(int lines)
        {
            if (_attachments.Count > 0
                && _next + lines < MostLines
                && _attachments[_turn++ % _attachments.Count].TryAppend(Lines(_next, lines), lines) == AppendResult.Taken)
            {
                _next += lines;
            }
        }

        public void SendOld(int times)
        {
            for (; times > 0; times--)
            {
                Send(3);
            }
        }

        /// <summary>What was taken is committed. One who shares the stream goes, and the others stay.</summary>
        public void Detach(Random random)
        {
            if (_attachments.Count > 0)
            {
                NoteAcknowledged();
                _taken = _next - 1;
                int index = random.Next(_attachments.Count);
                _attachments[index].Detach();
                _attachments.RemoveAt(index);
            }
        }

        /// <summary>Reads on, where it stopped last.</summary>
        public void ReadSome(Random random)
        {
            _cursor ??= new StreamCursor(files, stream, random.Next(1, 300));
            long first = _cursor.NextLine;
            if (!_cursor.TryRead(random.Next(1, 50), out ReadOnlySpan<byte> lines, out long count))
            {
                return;
            }

            Assert.True(lines.SequenceEqual(Lines(first, count)), $"{stream}: the cursor reads other lines than {first} to {first + count - 1}");
            Assert.Equal(first + count, _cursor.NextLine);
            Assert.True(
                isShared || _attachments.Count == 0 || _cursor.NextLine - 1 <= _attachments.Max(attachment => attachment.DurableCount),
                $"{stream}: the cursor reads what is not committed");
        }

        /// <summary>After a recovery: the cursor reads exactly what is stored.</summary>
        public void ReadAll(Random random)
        {
            if (random.Next(3) > 0)
            {
                return;
            }

            long first = random.Next(1, (int)_next + 1);
            using var cursor = new StreamCursor(files, stream, first);
            var read = new MemoryStream();
            while (cursor.TryRead(random.Next(1, 100), out ReadOnlySpan<byte> lines, out _))
            {
                read.Write(lines);
            }

            Assert.Equal(_next, cursor.NextLine);
            Assert.True(read.ToArray().AsSpan().SequenceEqual(Lines(first, _next - first)), $"{stream}: the cursor reads other lines");
        }

        public void NoteAcknowledged() =>
            Acknowledged = _attachments.Aggregate(Acknowledged, (most, attachment) => Math.Max(most, attachment.DurableCount));

        public void OnStopped() => Assert.True(
            _attachments.Count == 0 || Acknowledged == _next - 1, $"{stream}: {_next - 1} lines were taken, {Acknowledged} acknowledged");

        public void OnDied(bool isMachine, Durability durability)
        {
            _attachments.Clear();
            _next = _taken = 0;
            if (isMachine)
            {
                _cursor?.Dispose();
                _cursor = null;
                Acknowledged = durability == Durability.Written ? 0 : Acknowledged;
            }
        }

        public void Compare(byte[] stored) => Assert.True(
            stored.AsSpan().SequenceEqual(Lines(1, stored.AsSpan().Count((byte)'\n'))), $"{stream}: the segments hold other bytes than were sent");

        private byte[] Lines(long first, long count)
        {
            var text = new StringBuilder();
            for (long line = first; line < first + count; line++)
            {
                text.Append(stream).Append(' ').Append(line).Append(Padding, 0, (int)(line * 37 % 150)).Append('\n');
            }

            return Encoding.ASCII.GetBytes(text.ToString());
        }
    }

    private sealed class BrokenRules(Sabotage sabotage) : StoreRules
    {
        public override bool FencesOlderAttachments => sabotage != Sabotage.OlderAttachmentNotFenced;

        public override long NextEpoch(long epoch) => sabotage == Sabotage.EpochNotRaised ? epoch : base.NextEpoch(epoch);

        public override bool IsNext(long lsn, long expected) =>
            sabotage == Sabotage.MissingCommitSteppedOver ? lsn >= expected : base.IsNext(lsn, expected);
    }
}
