using System.Text;
using LineServer.Storage.PostgreSql.Tests.Database;
using Npgsql;

namespace LineServer.Storage.PostgreSql.Tests;

/// <summary>The store over a real PostgreSQL, alone or with a synchronous standby.</summary>
public sealed class PostgreSqlStoreTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lines_are_stored_read_and_shown()
    {
        await using Cluster cluster = await Cluster.StartAsync(isReplicated: false);
        await using PostgreSqlStore store = cluster.Open();
        await SendAsync(5_000, new Sender(store, "web-7"), new Sender(store, "web-8"));

        Assert.Equal(Sender.LinesOf("web-7", 1, 5_000), await ReadAsync(store, "web-7", 1));
        Assert.Equal(Sender.LinesOf("web-8", 4_990, 11), await ReadAsync(store, "web-8", 4_990));
        Assert.Equal("", await ReadAsync(store, "none", 1));
        Assert.True(await store.HasLinesAsync("web-7", Cancellation));
        Assert.False(await store.HasLinesAsync("none", Cancellation));
        Assert.Matches("^[0-9a-f]{16}$", store.Id);
        Assert.Equal("web-7 4711", await cluster.Primary.QueryAsync("SELECT line FROM lineserver.lines WHERE stream = 'web-7' AND number = 4711"));
        Assert.Equal(10_000L, await cluster.Primary.QueryAsync("SELECT count(*) FROM lineserver.lines"));
    }

    [Fact]
    public async Task A_line_is_any_bytes()
    {
        await using Cluster cluster = await Cluster.StartAsync(isReplicated: false);
        await using PostgreSqlStore store = cluster.Open();
        byte[] lines = [0, 255, (byte)'\r', (byte)'\n', (byte)'\n', .. Encoding.UTF8.GetBytes("ä\n")];
        var owner = new Owner();
        StreamAttachment attachment = await store.AttachAsync("s", owner);
        Assert.Equal(AppendResult.Taken, attachment.TryAppend(lines, 3));
        await attachment.WaitForCommitAsync();
        Assert.Equal(3, attachment.DurableCount);
        using ILineCursor cursor = store.OpenCursor("s", 1);
        Assert.Equal(lines, (await cursor.ReadAsync(100, Cancellation)).ToArray());
        Assert.Equal(4, cursor.NextLine);
    }

    [Fact]
    public async Task The_newest_attachment_wins_wherever_it_is()
    {
        await using Cluster cluster = await Cluster.StartAsync(isReplicated: false);
        await using PostgreSqlStore one = cluster.Open();
        await using PostgreSqlStore other = cluster.Open();
        StreamAttachment first = await one.AttachAsync("s", new Owner());
        Assert.Equal(AppendResult.Taken, first.TryAppend("1\n"u8, 1));
        await first.WaitForCommitAsync();

        StreamAttachment second = await other.AttachAsync("s", new Owner());
        Assert.Equal(1, second.Count);
        Assert.Equal(AppendResult.Taken, first.TryAppend("lost\n"u8, 1));
        await first.WaitForCommitAsync();
        Assert.Equal(AttachmentEnd.Superseded, first.EndReason);
        Assert.Equal(1, first.DurableCount);

        StreamAttachment third = await other.AttachAsync("s", new Owner());
        Assert.Equal(AttachmentEnd.Superseded, second.EndReason);
        Assert.Equal(AppendResult.Taken, third.TryAppend("2\n"u8, 1));
        await third.WaitForCommitAsync();
        Assert.Equal("1\n2\n", await ReadAsync(one, "s", 1));
    }

    [Fact]
    public async Task Senders_without_numbers_share_a_stream_over_two_servers()
    {
        await using Cluster cluster = await Cluster.StartAsync(isReplicated: false);
        await using PostgreSqlStore one = cluster.Open();
        await using PostgreSqlStore other = cluster.Open();
        StreamAttachment[] senders = [await one.ShareAsync("syslog", new Owner()), await one.ShareAsync("syslog", new Owner()), await other.ShareAsync("syslog", new Owner())];
        for (int i = 0; i < 20; i++)
        {
            foreach (StreamAttachment sender in senders)
            {
                Assert.Equal(AppendResult.Taken, sender.TryAppend(Encoding.ASCII.GetBytes($"line {i}\n"), 1));
            }

            await senders[0].WaitForCommitAsync();
        }

        foreach (StreamAttachment sender in senders)
        {
            await sender.WaitForCommitAsync();
        }

        string lines = await ReadAsync(one, "syslog", 1);
        Assert.All(Enumerable.Range(0, 20), i => Assert.Equal(3, lines.Split('\n').Count(line => line == $"line {i}")));
        StoreUnavailableException refused = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await other.AttachAsync("syslog", new Owner()));
        Assert.Equal(StoreRefusal.InUse, refused.Refusal);
    }

    [Fact]
    public async Task A_follower_on_another_server_sees_lines_as_they_come()
    {
        await using Cluster cluster = await Cluster.StartAsync(isReplicated: false);
        await using PostgreSqlStore one = cluster.Open();
        await using PostgreSqlStore other = cluster.Open();
        using ILineCursor cursor = other.OpenCursor("s", 1);
        var seen = new StringBuilder();
        async Task FollowAsync(int lines)
        {
            while (cursor.NextLine <= lines)
            {
                Task more = other.WhenReadableAsync("s");
                ReadOnlyMemory<byte> read = await cursor.ReadAsync(100, Cancellation);
                seen.Append(Encoding.ASCII.GetString(read.Span));
                if (read.IsEmpty)
                {
                    await more.WaitAsync(Limit, Cancellation);
                }
            }
        }

        for (int lines = 1; lines <= 300; lines += 100)
        {
            Task following = FollowAsync(lines);
            await new Sender(one, "s").SendAsync(lines, Cancellation);
            await following;
        }

        Assert.Equal(Sender.LinesOf("s", 1, 201), seen.ToString());
    }

    [Fact]
    public async Task A_connection_that_is_ended_in_the_middle_loses_and_doubles_nothing()
    {
        await using Cluster cluster = await Cluster.StartAsync();
        await using PostgreSqlStore store = cluster.Open();
        Sender[] senders = [.. Enumerable.Range(0, 8).Select(i => new Sender(store, $"s{i}"))];
        Task sending = SendAsync(20_000, senders);
        for (int i = 0; i < 20 && !sending.IsCompleted; i++)
        {
            await cluster.Primary.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lineserver' AND query LIKE 'WITH piece%'");
            await Task.Delay(30, Cancellation);
        }

        await sending;
        await CompareAsync(store, senders);
        // It resolves what is unknown by itself: no sender was told to come again.
        Assert.All(senders, sender => Assert.Equal(1, sender.Attachments));
    }

    [Fact]
    public async Task A_cancelled_wait_for_the_standby_is_no_acknowledgement()
    {
        await using Cluster cluster = await Cluster.StartAsync();
        await using PostgreSqlStore store = cluster.Open();
        StreamAttachment attachment = await store.AttachAsync("s", new Owner());
        cluster.Standby!.Pause();
        Assert.Equal(AppendResult.Taken, attachment.TryAppend("1\n"u8, 1));
        await cluster.Primary.UntilAsync("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        await cluster.Primary.ExecuteAsync("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");

        // Committed on the primary, and nowhere else: the next transaction waits in its place.
        await cluster.Primary.UntilAsync("SELECT count(*) = 1 FROM lineserver.batches");
        await cluster.Primary.UntilAsync("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        Assert.Equal(0, attachment.DurableCount);

        cluster.Standby.Resume();
        await attachment.WaitForCommitAsync();
        Assert.Equal(1, attachment.DurableCount);
        Assert.Equal("1\n", await ReadAsync(store, "s", 1));
    }

    [Fact]
    public async Task Without_a_standby_nothing_is_taken_and_with_one_it_goes_on_by_itself()
    {
        await using Cluster cluster = await Cluster.StartAsync();
        await using PostgreSqlStore store = cluster.Open(patience: TimeSpan.FromSeconds(1));
        var sender = new Sender(store, "s");
        await sender.SendAsync(10, Cancellation);
        StreamAttachment attachment = await store.AttachAsync("s", new Owner());
        await cluster.Standby!.KillAsync();
        _ = attachment.TryAppend("11\n"u8, 1);
        await attachment.WaitForCommitAsync();
        Assert.Equal(AttachmentEnd.Unavailable, attachment.EndReason);
        Assert.Equal(10, attachment.DurableCount);
        StoreUnavailableException refused = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.AttachAsync("t", new Owner()));
        Assert.Equal(StoreRefusal.Unavailable, refused.Refusal);
        Assert.Contains("standby", refused.Message, StringComparison.Ordinal);

        await cluster.Standby.StartAsync();
        StreamAttachment next = await AttachAsync(store, "s");
        Assert.InRange(next.Count, 10, 11);
    }

    [Fact]
    public async Task Without_names_of_standbys_nothing_is_acknowledged()
    {
        await using Cluster cluster = await Cluster.StartAsync();
        await using PostgreSqlStore store = cluster.Open();
        StreamAttachment attachment = await store.AttachAsync("s", new Owner());
        cluster.Standby!.Pause();
        _ = attachment.TryAppend("1\n"u8, 1);
        await cluster.Primary.UntilAsync("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'");

        // As Patroni does when its last synchronous standby has gone: whoever waits is let go.
        await cluster.Primary.ExecuteAsync("ALTER SYSTEM SET synchronous_standby_names = ''");
        await cluster.Primary.ExecuteAsync("SELECT pg_reload_conf()");
        await cluster.Primary.UntilAsync("SELECT count(*) = 1 FROM lineserver.batches");
        StoreUnavailableException refused = await UntilRefusedAsync(store, "t");
        Assert.Contains("synchronous_standby_names", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, attachment.DurableCount);

        cluster.Standby.Resume();
        await cluster.Primary.ExecuteAsync("ALTER SYSTEM SET synchronous_standby_names = 'standby'");
        await cluster.Primary.ExecuteAsync("SELECT pg_reload_conf()");
        await attachment.WaitForCommitAsync();
        Assert.Equal(1, attachment.DurableCount);
    }

    [Fact]
    public async Task A_standby_that_is_promoted_has_every_acknowledged_line()
    {
        await using Cluster cluster = await Cluster.StartAsync();
        await using PostgreSqlStore store = cluster.Open(Durability.Replicated);
        Sender[] senders = [.. Enumerable.Range(0, 8).Select(i => new Sender(store, $"s{i}"))];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        Task sending = SendAsync(2_000_000, stop.Token, senders);
        Assert.True(SpinWait.SpinUntil(() => senders.All(sender => sender.Acknowledged > 1_000), Limit));
        await cluster.Primary.KillAsync();
        await cluster.Standby!.PromoteAsync();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sending);

        // The new primary has no standby yet. What was acknowledged is there, and more may be.
        await using PostgreSqlStore next = cluster.Open(Durability.Synced);
        foreach (Sender sender in senders)
        {
            StreamAttachment attachment = await AttachAsync(next, sender.Stream);
            Assert.True(attachment.Count >= sender.Acknowledged, $"{sender.Stream}: {sender.Acknowledged} acknowledged, {attachment.Count} there");
            Assert.Equal(Sender.LinesOf(sender.Stream, 1, attachment.Count), await ReadAsync(next, sender.Stream, 1));
            attachment.Detach();
        }
    }

    [Fact]
    public async Task A_schema_of_another_version_or_none_is_refused_with_its_reason()
    {
        await using Cluster cluster = await Cluster.StartAsync(isReplicated: false);
        await using (PostgreSqlStore none = new(cluster.ConnectionString, new PostgreSqlStoreOptions { Schema = "elsewhere", Durability = Durability.Synced }))
        {
            StoreException e = await Assert.ThrowsAsync<StoreException>(() => none.CheckAsync(Cancellation));
            Assert.Contains("lineserver engine init", e.Message, StringComparison.Ordinal);
        }

        await cluster.Primary.ExecuteAsync("UPDATE lineserver.store SET version = 99");
        await using PostgreSqlStore store = cluster.Open();
        StoreException other = await Assert.ThrowsAsync<StoreException>(() => store.CheckAsync(Cancellation));
        Assert.Contains("version 99", other.Message, StringComparison.Ordinal);
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(cluster.ConnectionString);
        await Assert.ThrowsAsync<StoreException>(() => EngineSchema.CreateAsync(source, EngineSchema.DefaultName, Cancellation));
    }

    [Fact]
    public async Task A_stream_whose_rows_do_not_add_up_is_refused_and_not_repaired()
    {
        await using Cluster cluster = await Cluster.StartAsync(isReplicated: false);
        await using PostgreSqlStore store = cluster.Open();
        await new Sender(store, "s").SendAsync(100, Cancellation);
        await cluster.Primary.ExecuteAsync("UPDATE lineserver.streams SET count = 101");
        StoreUnavailableException refused = await Assert.ThrowsAsync<StoreUnavailableException>(async () => await store.AttachAsync("s", new Owner()));
        Assert.Equal(StoreRefusal.Failed, refused.Refusal);
        Assert.Contains("does not add up: it has 101 lines", refused.Message, StringComparison.Ordinal);
        Assert.Equal(101L, await cluster.Primary.QueryAsync("SELECT count FROM lineserver.streams"));
    }

    [Fact]
    public async Task Lines_that_are_too_old_are_removed_by_the_day_and_the_count_stays()
    {
        await using Cluster cluster = await Cluster.StartAsync(isReplicated: false);
        await using PostgreSqlStore store = cluster.Open();
        var sender = new Sender(store, "s");
        await sender.SendAsync(1_000, Cancellation);
        string day = (string)(await cluster.Primary.QueryAsync("SELECT to_char((now() - interval '10 days') AT TIME ZONE 'UTC', 'YYYYMMDD')"))!;
        await cluster.Primary.ExecuteAsync($"CREATE TABLE lineserver.batches_{day} PARTITION OF lineserver.batches FOR VALUES FROM ('{day} 00:00+00') TO (timestamptz '{day} 00:00+00' + interval '1 day')");
        await cluster.Primary.ExecuteAsync("UPDATE lineserver.batches SET time = time - interval '10 days'");
        await sender.SendAsync(1_200, Cancellation);

        await using NpgsqlDataSource source = NpgsqlDataSource.Create(cluster.ConnectionString);
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(Cancellation);
        Assert.Empty(await EngineSchema.MaintainAsync(connection, EngineSchema.DefaultName, TimeSpan.FromDays(30), Cancellation));
        Assert.Equal([$"batches_{day}"], await EngineSchema.MaintainAsync(connection, EngineSchema.DefaultName, TimeSpan.FromDays(5), Cancellation));
        StreamAttachment attachment = await store.AttachAsync("s", new Owner());
        Assert.Equal((1_200, 1_001), (attachment.Count, attachment.FirstKept));
        Assert.Equal(Sender.LinesOf("s", 1_001, 200), await ReadAsync(store, "s", 1_001));
        LineNotKeptException removed = await Assert.ThrowsAsync<LineNotKeptException>(() => ReadAsync(store, "s", 1_000));
        Assert.Equal(1_001, removed.FirstKept);
    }

    [Fact]
    public async Task A_row_of_a_clock_that_went_back_keeps_its_day()
    {
        await using Cluster cluster = await Cluster.StartAsync(isReplicated: false);
        await using PostgreSqlStore store = cluster.Open();
        StreamAttachment attachment = await store.AttachAsync("s", new Owner());
        foreach (string line in (string[])["1\n", "2\n", "3\n"])
        {
            Assert.Equal(AppendResult.Taken, attachment.TryAppend(Encoding.ASCII.GetBytes(line), 1));
            await attachment.WaitForCommitAsync();
        }

        string day = (string)(await cluster.Primary.QueryAsync("SELECT to_char((now() - interval '10 days') AT TIME ZONE 'UTC', 'YYYYMMDD')"))!;
        await cluster.Primary.ExecuteAsync($"CREATE TABLE lineserver.batches_{day} PARTITION OF lineserver.batches FOR VALUES FROM ('{day} 00:00+00') TO (timestamptz '{day} 00:00+00' + interval '1 day')");
        await cluster.Primary.ExecuteAsync("UPDATE lineserver.batches SET time = time - interval '10 days' WHERE first = 2");
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(cluster.ConnectionString);
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(Cancellation);
        Assert.Empty(await EngineSchema.MaintainAsync(connection, EngineSchema.DefaultName, TimeSpan.FromDays(5), Cancellation));
        Assert.Equal("1\n2\n3\n", await ReadAsync(store, "s", 1));
    }

    private static Task SendAsync(long lines, params Sender[] senders) => SendAsync(lines, Cancellation, senders);

    private static Task SendAsync(long lines, CancellationToken cancellationToken, params Sender[] senders) =>
        Task.WhenAll(senders.Select(sender => Task.Run(() => sender.SendAsync(lines, cancellationToken), CancellationToken.None)));

    private static async Task CompareAsync(PostgreSqlStore store, IEnumerable<Sender> senders)
    {
        foreach (Sender sender in senders)
        {
            string stored = await ReadAsync(store, sender.Stream, 1);
            Assert.True(stored.Length >= Sender.LinesOf(sender.Stream, 1, sender.Acknowledged).Length, $"{sender.Stream}: lines are lost");
            Assert.Equal(Sender.LinesOf(sender.Stream, 1, stored.Count(c => c == '\n')), stored);
        }
    }

    private static async Task<string> ReadAsync(PostgreSqlStore store, string stream, long from)
    {
        using ILineCursor cursor = store.OpenCursor(stream, from);
        var text = new StringBuilder();
        while (await cursor.ReadAsync(1_000, Cancellation) is { IsEmpty: false } lines)
        {
            text.Append(Encoding.Latin1.GetString(lines.Span));
        }

        return text.ToString();
    }

    private static async Task<StreamAttachment> AttachAsync(PostgreSqlStore store, string stream)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (true)
        {
            try
            {
                return await store.AttachAsync(stream, new Owner());
            }
            catch (StoreUnavailableException)
            {
                await Task.Delay(20, limit.Token);
            }
        }
    }

    private static async Task<StoreUnavailableException> UntilRefusedAsync(PostgreSqlStore store, string stream)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (true)
        {
            try
            {
                (await store.AttachAsync(stream, new Owner())).Detach();
                await Task.Delay(20, limit.Token);
            }
            catch (StoreUnavailableException e)
            {
                return e;
            }
        }
    }

    private sealed class Owner : IAttachmentOwner
    {
        public void OnChanged()
        {
        }
    }
}
