using System.Text;
using LineServer.Framing;
using LineServer.Storage.PostgreSql.Internal;

namespace LineServer.Storage.PostgreSql.Tests.Simulated;

/// <summary>
/// Servers over one database, and clients that remember what was acknowledged and go from one server to another. A seed
/// decides everything: who does what when, and what is lost.
/// </summary>
internal sealed class EngineScenario
{
    private const int Servers = 3;
    private const int MostLines = 300;

    private readonly Random _random;
    private readonly EngineSabotage _sabotage;
    private readonly SimulatedDatabase _database;
    private readonly PostgreSqlStoreOptions _options;
    private readonly SimulatedServer[] _servers;
    private readonly Client[] _clients;
    private readonly List<Action> _late = []; // calls that nobody waits for, and that may take place all the same

    public EngineScenario(int seed, EngineSabotage sabotage = EngineSabotage.None)
    {
        _random = new Random(seed);
        _sabotage = sabotage;
        _database = new SimulatedDatabase(sabotage);
        _options = new PostgreSqlStoreOptions
        {
            MaxPieceSize = 60,
            MaxUncommittedPerStream = 200,
            MaxUncommitted = 500,
            MaxGroupStreams = _random.Next(1, 4),
        };
        _servers = [.. Enumerable.Range(0, Servers).Select(_ => Start())];

        // The last two have one stream, as a client that was cut off and its successor.
        _clients = [.. Enumerable.Range(0, 4).Select(i => new Client($"s{Math.Min(i, 2)}", isShared: false)), new Client("shared", isShared: true), new Client("shared", isShared: true)];
    }

    public long Acknowledged => _clients.Sum(client => client.Acknowledged);

    /// <summary>Throws if a line was lost, doubled or out of order.</summary>
    public void Run()
    {
        int lossy = _random.Next(3) == 0 ? 0 : _random.Next(3, 30);
        for (int step = _random.Next(50, 600); step > 0; step--)
        {
            Step(lossy);
        }

        // Everything answers again, and each stream has one sender: all of its lines get there.
        Client[] last = [_clients[0], _clients[1], _clients[2], _clients[4]];
        foreach (Client gone in _clients.Except(last))
        {
            gone.Attachment?.Detach();
            gone.Lose();
        }

        for (int step = 0; !Array.TrueForAll(last, client => client.IsDone); step++)
        {
            Assert.True(step < 20_000, $"the clients do not come to an end: {string.Join(", ", last.Where(each => !each.IsDone))}");
            Client client = last[_random.Next(last.Length)];
            client.IsLast = true;
            Act(client);
            _servers[_random.Next(Servers)].Step(_random.Next(4), loses: false);
        }

        _late.ForEach(call => call());
        _database.Check();
        Array.ForEach(_clients, Compare);
    }

    private void Step(int lossy)
    {
        int server = _random.Next(Servers);
        switch (_random.Next(40))
        {
            case < 12:
                Act(_clients[_random.Next(_clients.Length)]);
                break;
            case < 36:
                SimulatedServer used = _servers[server];
                bool loses = lossy > 0 && _random.Next(lossy) == 0;
                if (loses)
                {
                    _late.AddRange(used.Pending);
                }

                used.Step(_random.Next(4), loses);
                break;
            case 36:
                if (_late.Count > 0)
                {
                    Action call = _late[_random.Next(_late.Count)];
                    _late.Remove(call);
                    call();
                }

                break;
            case 37 when _random.Next(5) == 0:
                // A standby is promoted: what has not taken place never will.
                _late.Clear();
                foreach (SimulatedServer each in _servers)
                {
                    for (int lane = 0; lane < 4 && lossy > 0; lane++)
                    {
                        each.Step(lane, loses: true);
                    }
                }

                break;
            case 38 when _random.Next(5) == 0:
                // The server dies. What it has asked for may take place.
                _late.AddRange(_servers[server].Pending);
                foreach (Client client in _clients.Where(client => client.Server == _servers[server]))
                {
                    client.Lose();
                }

                _servers[server] = Start();
                break;
            case 39 when _random.Next(5) == 0:
                _servers[server].Core.EndOutstanding(AttachmentEnd.Unavailable, "too long");
                break;
        }
    }

    private SimulatedServer Start() => new(_database, _sabotage, _options);

    private void Act(Client client)
    {
        if (client.Attaching is { } attaching)
        {
            if (attaching.IsCompletedSuccessfully)
            {
#pragma warning disable VSTHRD002 // It has completed.
                client.Begin(attaching.Result);
#pragma warning restore VSTHRD002
            }
            else if (attaching.IsCompleted)
            {
                Assert.IsType<StoreUnavailableException>(attaching.Exception!.InnerException);
                client.Lose();
            }

            return;
        }

        if (client.Attachment is not { } attachment)
        {
            SimulatedServer server = _servers[_random.Next(Servers)];
            client.Attach(server);
            return;
        }

        client.Note();
        if (attachment.EndReason != AttachmentEnd.None || (!client.IsLast && _random.Next(30) == 0))
        {
            attachment.Detach();
            client.Lose();
            return;
        }

        int count = Math.Min(_random.Next(1, 4), MostLines - (int)client.Sent);
        if (count > 0)
        {
            client.Send(count);
        }
    }

    private void Compare(Client client)
    {
        if (client.IsShared)
        {
            // Nobody tells these what was stored, and who dies takes some along. But none is torn.
            Assert.All(_database.TextOf(client.Stream).Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.StartsWith("shared ", line, StringComparison.Ordinal));
            return;
        }

        Assert.Equal(LinesOf(client.Stream, 0, (int)_database.CountOf(client.Stream)), _database.TextOf(client.Stream));
        Assert.True(_database.CountOf(client.Stream) >= client.Acknowledged, $"{client.Stream}: acknowledged lines are lost");
    }

    private static string LinesOf(string stream, int from, int count) =>
        string.Concat(Enumerable.Range(from + 1, count).Select(number => $"{stream} {number}\n"));

    private sealed class Client(string stream, bool isShared) : IAttachmentOwner
    {
        public string Stream => stream;

        public bool IsShared => isShared;

        public SimulatedServer? Server { get; private set; }

        public Task<StreamAttachment>? Attaching { get; private set; }

        public StreamAttachment? Attachment { get; private set; }

        public long Sent { get; private set; }

        public long Acknowledged { get; private set; }

        public bool IsLast { get; set; }

        public bool IsDone => isShared ? Attachment is not null && Server!.Core.Uncommitted == 0 && Sent >= MostLines : Acknowledged >= MostLines;

        public void Attach(SimulatedServer server)
        {
            try
            {
                Attaching = server.Core.AttachAsync(stream, isShared, this).AsTask();
                Server = server;
            }
            catch (StoreUnavailableException)
            {
                Lose();
            }
        }

        public void Begin(StreamAttachment attachment)
        {
            (Attaching, Attachment) = (null, attachment);
            if (isShared)
            {
                return;
            }

            Assert.True(attachment.Count >= Acknowledged, $"{stream}: {Acknowledged} lines were acknowledged, and {attachment.Count} are there");
            Assert.Equal(Crc32C.Of(Encoding.ASCII.GetBytes(LinesOf(stream, 0, (int)attachment.Count))), attachment.Crc);
            Acknowledged = Sent = attachment.Count;
        }

        public void Note()
        {
            if (!isShared)
            {
                Assert.True(Attachment!.DurableCount <= Sent, $"{stream}: {Attachment.DurableCount} lines are acknowledged, and {Sent} were sent");
                Acknowledged = Math.Max(Acknowledged, Attachment.DurableCount);
            }
        }

        public void Send(int count)
        {
            string lines = LinesOf(stream, (int)Sent, count);
            if (Attachment!.TryAppend(Encoding.ASCII.GetBytes(lines), count) == AppendResult.Taken)
            {
                Sent += count;
            }
        }

        public void Lose() => (Server, Attaching, Attachment) = (null, null, null);

        public override string ToString() => $"{stream}: {Sent} sent, {Acknowledged} acknowledged, attaching {Attaching?.Status}, {Attachment?.EndReason}, {(Attachment as EngineAttachment)?.Hold.State}, {(Attachment as EngineAttachment)?.Hold.Uncommitted} of {Server?.Core.Uncommitted} bytes uncommitted";

        void IAttachmentOwner.OnChanged()
        {
        }
    }
}
