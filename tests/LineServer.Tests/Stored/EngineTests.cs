using System.Globalization;
using System.Net;
using LineServer.Storage.PostgreSql.Tests.Database;
using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>Servers without state over one PostgreSQL: what one has acknowledged, the others know.</summary>
public sealed class EngineTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Three_commands_from_nothing_to_a_server_and_a_client_that_goes_on_at_another()
    {
        await using PostgresServer postgres = await StartAsync();
        FinishedProcess init = await DaemonProcess.RunAsync("engine", "init", postgres.ConnectionString);
        Assert.Equal(0, init.Status);
        Assert.Matches("^PostgreSQL [0-9.]+.*\nstore [0-9a-f]{16}, schema lineserver of version 1, 0 streams, 0 lines\npartitions: 8, the last batches_[0-9]{8}\n", init.Output);
        Assert.Equal(init.Output, (await DaemonProcess.RunAsync("engine", "init", postgres.ConnectionString)).Output);

        var sender = new StreamSender("web-7");
        await using DaemonProcess one = Serve(postgres.ConnectionString);
        await using DaemonProcess other = Serve(postgres.ConnectionString);
        EndPoint endPoint = await one.EndPointAsync("lines");
        Task<string?> sending = sender.SendAsync(endPoint);
        Assert.True(SpinWait.SpinUntil(() => sender.Acknowledged >= 2_000, TimeSpan.FromSeconds(60)));
        one.Send(Signal.Killed);
        await one.StatusAsync();
        await sending.Guarded();

        Assert.Null(await sender.SendAsync(await other.EndPointAsync("lines"), sender.Acknowledged + 1_000).Guarded());
        sender.Compare(await ReadAsync(other, "web-7"));
        Assert.Equal(0, await other.StopAsync());
        FinishedProcess check = await DaemonProcess.RunAsync("engine", "check", "--synced", postgres.ConnectionString);
        Assert.Equal(0, check.Status);
        Assert.Contains(", 1 streams, ", check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_tells_what_is_missing()
    {
        await using PostgresServer postgres = await StartAsync();
        (await DaemonProcess.RunAsync("engine", "check", postgres.ConnectionString)).AssertOneLine(
            1, "lineserver: the database has no schema 'lineserver' of lineserver: lineserver engine init makes it");
        await using (DaemonProcess none = Serve(postgres.ConnectionString))
        {
            Assert.Equal(1, await none.StatusAsync());
            await none.Log.FirstAsync("lineserver engine init makes it");
        }

        Assert.Equal(0, (await DaemonProcess.RunAsync("engine", "init", postgres.ConnectionString)).Status);
        FinishedProcess check = await DaemonProcess.RunAsync("engine", "check", postgres.ConnectionString);
        Assert.Equal(1, check.Status);
        Assert.Equal("lineserver: PostgreSQL has no synchronous standbys: synchronous_standby_names is empty", check.ErrorLines[0]);

        // Replicated, as it is without saying otherwise: nothing is taken.
        await using DaemonProcess daemon = DaemonProcess.Start(Arguments(postgres.ConnectionString));
        using LineSocket socket = await LineSocket.ConnectAsync(await daemon.EndPointAsync("lines"));
        await socket.SendAsync("LS1 s\n");
        Assert.Equal("ERR 503 retry=1 PostgreSQL has no synchronous standbys: synchronous_standby_names is empty", await socket.ReadLineAsync());
        Assert.Equal(0, await daemon.StopAsync());
    }

    [Fact]
    public async Task A_database_that_is_not_there_yet_is_waited_for()
    {
        await using PostgresServer postgres = await StartAsync();
        Assert.Equal(0, (await DaemonProcess.RunAsync("engine", "init", postgres.ConnectionString)).Status);
        await postgres.KillAsync();
        await using DaemonProcess daemon = Serve(postgres.ConnectionString);
        EndPoint endPoint = await daemon.EndPointAsync("lines");
        var sender = new StreamSender("s");
        Assert.StartsWith("ERR 503 retry=1 PostgreSQL: ", await sender.SendAsync(endPoint).Guarded(), StringComparison.Ordinal);

        await postgres.StartAsync();
        await daemon.Log.FirstAsync("takes lines again");
        Assert.Null(await sender.SendAsync(endPoint, 1_000).Guarded());
        sender.Compare(await ReadAsync(daemon, "s"));
        Assert.Equal(0, await daemon.StopAsync());
    }

    [Fact]
    public async Task Plain_senders_store_over_two_servers()
    {
        await using PostgresServer postgres = await StartAsync();
        Assert.Equal(0, (await DaemonProcess.RunAsync("engine", "init", postgres.ConnectionString)).Status);
        await using DaemonProcess one = Serve(postgres.ConnectionString);
        await using DaemonProcess other = Serve(postgres.ConnectionString);
        foreach (DaemonProcess daemon in (DaemonProcess[])[one, other, one])
        {
            using LineSocket socket = await LineSocket.ConnectAsync(await daemon.EndPointAsync("plain"));
            await socket.SendAsync("a\nb\n");
            socket.HalfClose();
            Assert.Equal("", await socket.ReadToEndAsync());
        }

        // What plain senders sent is committed some time later, at the latest when the server stops.
        Assert.Equal(0, await one.StopAsync());
        await postgres.UntilAsync("SELECT count(*) = 6 FROM lineserver.lines WHERE stream = 'plain'");
        Assert.Equal(0, await other.StopAsync());
    }

    /// <summary>
    /// Two servers, a primary and its standby, eight senders that go from one server to the other; and in each round something
    /// is killed or stopped.
    /// </summary>
    [Fact]
    public async Task No_acknowledged_line_is_lost_or_doubled_whatever_is_killed()
    {
        int rounds = Environment.GetEnvironmentVariable("LINESERVER_TESTS") == "full" ? 100 : 4;
#pragma warning disable CA5394 // Nothing secret: what is killed, and when.
        var random = new Random(14);
        string[] faults = ["a server is killed", "the primary is killed and comes back", "the standby is killed and comes back", "the standby stops for 2 s"];
        var ledger = new Dictionary<string, (int Count, TimeSpan Longest)>(StringComparer.Ordinal);
        await using PostgresServer primary = await StartAsync();
        Assert.Equal(0, (await DaemonProcess.RunAsync("engine", "init", primary.ConnectionString)).Status);
        await using PostgresServer standby = await PostgresServer.StartStandbyAsync(_directory.Path, primary);
        DaemonProcess[] daemons = [DaemonProcess.Start(Arguments(primary.ConnectionString)), DaemonProcess.Start(Arguments(primary.ConnectionString))];
        try
        {
            StreamSender[] senders = [.. Enumerable.Range(0, 8).Select(i => new StreamSender($"s{i}"))];
            using var stop = new CancellationTokenSource();
            Task sending = Task.WhenAll(senders.Select((sender, i) => SendAsync(sender, i, daemons, stop.Token)));
            long Acknowledged() => senders.Sum(sender => sender.Acknowledged);
            async Task ProgressAsync(long more)
            {
                long enough = Acknowledged() + more;
                while (Acknowledged() < enough)
                {
                    Assert.False(sending.IsCompleted, "the senders have ended");
                    await Task.Delay(5);
                }
            }

            for (int round = 0; round < rounds; round++)
            {
                await ProgressAsync(random.Next(1, 4_000)).Guarded();
                string fault = faults[round % faults.Length];
                long start = System.Diagnostics.Stopwatch.GetTimestamp();
                switch (round % faults.Length)
                {
                    case 0:
                        int server = random.Next(2);
                        daemons[server].Send(Signal.Killed);
                        await daemons[server].StatusAsync();
                        await daemons[server].DisposeAsync();
                        daemons[server] = DaemonProcess.Start(Arguments(primary.ConnectionString));
                        break;
                    case 1:
                        await primary.KillAsync();
                        await primary.StartAsync();
                        break;
                    case 2:
                        await standby.KillAsync();
                        await standby.StartAsync();
                        break;
                    default:
                        standby.Pause();
                        await Task.Delay(TimeSpan.FromSeconds(2));
                        standby.Resume();
                        break;
                }

                await ProgressAsync(1).Guarded();
                TimeSpan took = System.Diagnostics.Stopwatch.GetElapsedTime(start);
                (int count, TimeSpan longest) = ledger.GetValueOrDefault(fault);
                ledger[fault] = (count + 1, took > longest ? took : longest);
            }
#pragma warning restore CA5394

            await stop.CancelAsync();
            await sending.Guarded();
            foreach (StreamSender sender in senders)
            {
                sender.Compare(await ReadAsync(daemons[0], sender.Stream));
            }

            foreach ((string fault, (int count, TimeSpan longest)) in ledger)
            {
                TestContext.Current.SendDiagnosticMessage(string.Create(CultureInfo.InvariantCulture, $"{fault}: {count} times; lines were acknowledged again after {longest.TotalSeconds:0.0} s at most"));
            }

            TestContext.Current.SendDiagnosticMessage($"{rounds} faults, {Acknowledged()} lines acknowledged, 0 lost, 0 doubled, 0 out of order");
        }
        finally
        {
            await daemons[0].DisposeAsync();
            await daemons[1].DisposeAsync();
        }
    }

    [Theory]
    [InlineData("""{ "ConnectionString": "Host=h", "Directory": "/s" }""", "m:Directory: it is of stores in a Directory, and this one has a ConnectionString")]
    [InlineData("""{ "ConnectionString": "Host=h", "SegmentSize": "1M" }""", "m:SegmentSize: it is of stores in a Directory")]
    [InlineData("""{ "ConnectionString": "Host=h", "Durability": "Written" }""", "m:Durability: must be Replicated or Synced in PostgreSQL")]
    [InlineData("""{ "ConnectionString": "Host=h", "Schema": "Lines" }""", "m:Schema: must be lower-case letters")]
    [InlineData("""{ "ConnectionString": "Hots=h" }""", "m:ConnectionString: is none of Npgsql: Couldn't set hots")]
    [InlineData("""{ "ConnectionString": "Database=d" }""", "m:ConnectionString: is none of Npgsql: it names no Host")]
    [InlineData("""{ "Directory": "/s", "Durability": "Replicated" }""", "m:Durability: is Replicated in PostgreSQL only")]
    [InlineData("""{ "Directory": "/s", "Schema": "lines" }""", "m:Schema: it is of stores with a ConnectionString")]
    public async Task A_wrong_configuration_is_told_in_one_line(string store, string problem)
    {
        string file = _directory.Write("lineserver.json", $$"""{ "LineServer": { "Stores": { "m": {{store}} } } }""");
        FinishedProcess check = await DaemonProcess.RunAsync("check", "--config", file);
        Assert.Equal(78, check.Status);
        Assert.Contains($"LineServer:Stores:{problem}", check.ErrorLines[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_password_is_not_printed()
    {
        FinishedProcess check = await DaemonProcess.RunAsync("check", "--set", "Stores:m:ConnectionString=Host=h;Username=u;Password=secret");
        Assert.Equal(0, check.Status);
        Assert.Contains("\"ConnectionString\": \"Host=h;Username=u;Password=(hidden)\"", check.Output, StringComparison.Ordinal);
        Assert.Contains("\"Durability\": \"Replicated\"", check.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", check.Output + check.Error, StringComparison.Ordinal);
    }

    private static DaemonProcess Serve(string connectionString) => DaemonProcess.Start([.. Arguments(connectionString), "--set", "Stores:main:Durability=Synced"]);

    private static string[] Arguments(string connectionString) =>
    [
        "--set", $"Stores:main:ConnectionString={connectionString}",
        "--set", "Endpoints:lines:Address=tcp://127.0.0.1:0", "--set", "Endpoints:lines:Handler=append",
        "--set", "Endpoints:lines:Store=main", "--set", "Endpoints:lines:Acknowledge=true",
        "--set", "Endpoints:readers:Address=tcp://127.0.0.1:0", "--set", "Endpoints:readers:Handler=read", "--set", "Endpoints:readers:Store=main",
        "--set", "Endpoints:plain:Address=tcp://127.0.0.1:0", "--set", "Endpoints:plain:Handler=append",
        "--set", "Endpoints:plain:Store=main", "--set", "Endpoints:plain:Stream=plain",
    ];

    /// <summary>Sends at one server, and after each end at the next.</summary>
    private static async Task SendAsync(StreamSender sender, int first, DaemonProcess[] daemons, CancellationToken cancellationToken)
    {
        for (int server = first; !cancellationToken.IsCancellationRequested; server++)
        {
            try
            {
                await sender.SendAsync(await daemons[server % daemons.Length].EndPointAsync("lines"), sender.Acknowledged + 5_000);
            }
            catch (Exception e) when (e is not Xunit.Sdk.XunitException && !cancellationToken.IsCancellationRequested)
            {
                // The server is being replaced.
            }

            await Task.Delay(20, CancellationToken.None);
        }
    }

    private static async Task<string> ReadAsync(DaemonProcess daemon, string stream)
    {
        using LineSocket reader = await LineSocket.ConnectAsync(await daemon.EndPointAsync("readers"));
        await reader.SendAsync($"LR1 {stream}\n");
        Assert.StartsWith("OK from=1 ", await reader.ReadLineAsync(), StringComparison.Ordinal);
        return await reader.ReadToEndAsync();
    }

    private async Task<PostgresServer> StartAsync()
    {
        Assert.SkipWhen(PostgresServer.Programs is null, "PostgreSQL is not installed");
        return await PostgresServer.StartPrimaryAsync(_directory.Path);
    }
}
