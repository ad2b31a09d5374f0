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
    private const int Streams = 3;
    private const int MostLines = 2_000;

    private readonly Random _random;
    private readonly SimulatedDisk _disk;
    private readonly SabotagedFiles _files;
    private readonly StoreOptions _options;
    private readonly Client[] _clients = [.. Enumerable.Range(0, Streams).Select(i => new Client($"s{i}"))];
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
            Rules = new BrokenRules(sabotage),
        };
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
        Array.ForEach(_clients, client => Compare(client, _core!));
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
            client.OnDied(isMachine && _options.Durability == Durability.Written);
        }
    }

    private void Open()
    {
        _files.IsRecovering = true;
        _core = new Recovery(_files, _options).Open(renewsLog: _random.Next(4) == 0);
        _files.IsRecovering = false;
        Array.ForEach(_clients, Attach);
    }

    private void Step()
    {
        switch (_random.Next(10))
        {
            case < 5:
                Send(_clients[_random.Next(Streams)]);
                break;
            case < 7:
                _core!.CommitNext();
                break;
            case 7:
                _core!.ApplyNext();
                break;
            case 8:
                if (_core!.IsCheckpointDue || _random.Next(5) == 0)
                {
                    _core.WriteCheckpoint();
                }

                break;
            default:
                if (_random.Next(6) == 0)
                {
                    Attach(_clients[_random.Next(Streams)]);
                }

                break;
        }

        NoteAcknowledged();
    }

    private void Stop()
    {
        CommitAll();
        while (_core!.ApplyNext())
        {
        }

        _core.WriteCheckpoint();
        NoteAcknowledged();
    }

    private void CommitAll()
    {
        while (_core!.CommitNext() is var outcome and not CommitOutcome.Idle)
        {
            if (outcome == CommitOutcome.Blocked)
            {
                _core.ApplyNext();
                _core.WriteCheckpoint();
            }
        }
    }

    /// <summary>A newer connection takes the stream. The older one goes on sending for a while.</summary>
    private void Attach(Client client)
    {
        Task<StreamAttachment> answer = _core!.AttachAsync(client.Stream, isShared: false, this);
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
    private void Compare(Client client, StoreCore core)
    {
        string directory = SegmentPath.DirectoryOf(client.Stream);
        byte[] stored = [.. _files.List(directory).Order(StringComparer.Ordinal).SelectMany(name => _disk.Find($"{directory}/{name}")!.Cached.ToArray())];
        client.Compare(stored);
        core.Dispose();
    }

    /// <summary>The sender of a stream. The text of each line follows from its number.</summary>
    private sealed class Client(string stream)
    {
        private static readonly string Padding = new('x', 200);

        private StreamAttachment? _attachment;
        private long _next; // the number of the next line to send

        public string Stream => stream;

        public long Acknowledged { get; private set; }

        public void Begin(StreamAttachment attachment)
        {
            Assert.True(attachment.Count >= Acknowledged, $"{stream}: {Acknowledged} lines were acknowledged, {attachment.Count} are stored");
            Assert.True(Crc32C.Of(Lines(1, attachment.Count)) == attachment.Crc, $"{stream}: the {attachment.Count} stored lines are not those that were sent");
            _attachment = attachment;
            _next = attachment.Count + 1;
            NoteAcknowledged();
        }

        public void Send(int lines)
        {
            if (_attachment is not null && _next + lines < MostLines && _attachment.TryAppend(Lines(_next, lines), lines) == AppendResult.Taken)
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

        public void NoteAcknowledged() => Acknowledged = Math.Max(Acknowledged, _attachment?.DurableCount ?? 0);

        public void OnDied(bool mayLose)
        {
            _attachment = null;
            if (mayLose)
            {
                Acknowledged = 0;
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
