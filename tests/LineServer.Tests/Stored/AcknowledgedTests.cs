using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>LS1, as a client sees it.</summary>
public sealed class AcknowledgedTests : IDisposable
{
    private readonly StoreDirectory _store = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task A_client_learns_what_is_stored_and_what_was_dropped()
    {
        await using DaemonProcess daemon = _store.Serve();
        using LineSocket client = await daemon.ConnectAsync("lines");
        await client.SendAsync("LS1 web-7\n");
        Assert.StartsWith("OK 0 crc32c=00000000 max=65536 first=1 store=", await client.ReadLineAsync(), StringComparison.Ordinal);
        await client.SendAsync("one\n");
        Assert.Equal("ACK 1", await client.ReadLineAsync());
        await client.SendAsync("two\r\nthr\0ee\n\nunfinished");
        client.HalfClose();
        string end = await client.ReadToEndAsync();
        Assert.EndsWith("BYE 4 10\n", end, StringComparison.Ordinal);
        Assert.Equal(0, await daemon.StopAsync());
        Assert.Equal("one\ntwo\r\nthr\0ee\n\n", _store.Lines("web-7"));
    }

    [Fact]
    public async Task What_is_sent_again_with_from_is_stored_once()
    {
        await using DaemonProcess daemon = _store.Serve();
        string port = (await daemon.EndPointAsync("lines")).Port();
        const string Sent = "LS1 s from=1\na\nb\n";
        Assert.EndsWith("ACK 2\nBYE 2 0\n", (await Tool.RunAsync("nc.openbsd", ["-N", "127.0.0.1", port], Sent)).Output, StringComparison.Ordinal);
        string again = (await Tool.RunAsync("nc.openbsd", ["-N", "127.0.0.1", port], Sent + "c\n")).Output;
        Assert.StartsWith("OK 2 crc32c=52a4fb0b ", again, StringComparison.Ordinal);
        Assert.EndsWith("ACK 3\nBYE 3 0\n", again, StringComparison.Ordinal);
        Assert.Equal(0, await daemon.StopAsync());
        Assert.Equal("a\nb\nc\n", _store.Lines("s"));
    }

    [Fact]
    public async Task A_wrong_opening_is_final()
    {
        const string Name = "ERR 400 a stream's name is 1 to 64 letters, digits and . _ -, the first a letter or digit\n";
        const string Protocol = "ERR 400 expected 'LS1 STREAM', such as 'LS1 web-7'\n";
        const string From = "ERR 400 from= is a line number, from 1\n";
        const string Key = "ERR 400 unknown key in the opening\n";
        await using DaemonProcess daemon = _store.Serve();
        foreach ((string sent, string answer) in new[]
        {
            ("GET / HTTP/1.1\r\n", Protocol),
            ("LS1\n", Protocol),
            ("\n", Protocol),
            ("", "ERR 400 the connection ended before its opening\n"),
            ("LS1 s", "ERR 400 the connection ended before its opening\n"),
            ("LS1 ..\n", Name),
            ("LS1 a/b\n", Name),
            ("LS1 s from=0\n", From),
            ("LS1 s from=+1\n", From),
            ("LS1 s from=9223372036854775808\n", From),
            ("LS1 s from=1 from=1\n", From),
            ("LS1 s color=red\n", Key),
            ("LS1 s \n", Key),
            ("LS1 s follow\n", Key),
            ("LS1 s from=2\nx\n", "ERR 416 from=2 leaves a gap: the stream has 0 lines\n"),
        })
        {
            using LineSocket client = await daemon.ConnectAsync("lines");
            await client.SendAsync(sent);
            client.HalfClose();
            Assert.Equal((sent, answer), (sent, await client.ReadToEndAsync()));
        }
    }

    [Fact]
    public async Task An_opening_has_at_most_512_bytes_and_its_own_time()
    {
        await using DaemonProcess daemon = _store.Serve("Endpoints:lines:Limits:FirstLineTimeout=300ms");
        using LineSocket client = await daemon.ConnectAsync("lines");
        await client.SendAsync("LS1 s token=" + new string('x', 501) + "\n");
        Assert.Equal("ERR 400 the opening is longer than 512 bytes", await client.ReadLineAsync());
        using LineSocket silent = await daemon.ConnectAsync("lines");
        Assert.Equal("ERR 408 too slow", await silent.ReadLineAsync());
    }

    [Fact]
    public async Task A_line_that_is_too_long_is_named_and_those_before_it_are_stored()
    {
        await using DaemonProcess daemon = _store.Serve("Limits:MaxLineSize=100");
        using LineSocket client = await daemon.ConnectAsync("lines");
        await client.SendAsync("LS1 s from=1\none\n" + new string('x', 101) + "\nthree\n");
        Assert.StartsWith("OK 0 ", await client.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Equal("ACK 1", await client.ReadLineAsync());
        Assert.Equal("ERR 413 line 2 is longer than 100 bytes", await client.ReadLineAsync());
        Assert.Null(await client.ReadLineAsync());
    }

    [Fact]
    public async Task The_newest_connection_wins_and_the_older_one_is_told()
    {
        await using DaemonProcess daemon = _store.Serve();
        using LineSocket older = await daemon.ConnectAsync("lines");
        await older.SendAsync("LS1 s from=1\none\n");
        Assert.StartsWith("OK 0 ", await older.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Equal("ACK 1", await older.ReadLineAsync());
        using LineSocket newer = await daemon.ConnectAsync("lines");
        await newer.SendAsync("LS1 s\n");
        Assert.StartsWith("OK 1 ", await newer.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Equal("ERR 409 a newer connection has taken the stream", await older.ReadLineAsync());
        await newer.SendAsync("two\n");
        Assert.Equal("ACK 2", await newer.ReadLineAsync());
    }

    [Fact]
    public async Task A_drain_acknowledges_what_was_received()
    {
        await using DaemonProcess daemon = _store.Serve();
        using LineSocket client = await daemon.ConnectAsync("lines");
        await client.SendAsync("LS1 s from=1\none\n");
        Assert.StartsWith("OK 0 ", await client.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Equal("ACK 1", await client.ReadLineAsync());
        daemon.Send(Signal.Terminate);
        Assert.Equal("ERR 503 retry=1 the server is stopping", await client.ReadLineAsync());
        Assert.Null(await client.ReadLineAsync());
        client.Dispose();
        Assert.Equal(0, await daemon.ExitAsync());
    }

    [Fact]
    public async Task A_token_opens_the_streams_of_its_pattern_only()
    {
        await using DaemonProcess daemon = _store.Serve("Endpoints:lines:Tokens:0:Secret=s3cret", "Endpoints:lines:Tokens:0:Streams=web-*");
        await AssertAnswerAsync(daemon, "LS1 web-7 token=s3cret\n", "OK 0 ");
        await AssertAnswerAsync(daemon, "LS1 db-1 token=s3cret\n", "ERR 401 ");
        await AssertAnswerAsync(daemon, "LS1 web-7 token=other\n", "ERR 401 ");
        await AssertAnswerAsync(daemon, "LS1 web-7\n", "ERR 401 ");
    }

    [Fact]
    public async Task A_unix_socket_takes_the_same()
    {
        using var directory = new TemporaryDirectory();
        await using DaemonProcess daemon = DaemonProcess.Start(_store.Arguments($"unix:{directory["ls1.sock"]}"));
        using LineSocket client = await daemon.ConnectAsync("lines");
        await client.SendAsync("LS1 s from=1\none\n");
        client.HalfClose();
        Assert.EndsWith("ACK 1\nBYE 1 0\n", await client.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_lines_at_once_arrive_whole_and_in_order()
    {
        string lines = string.Concat(Enumerable.Range(1, 50_000).Select(i => $"line {i} {new string('x', i % 300)}\n"));
        await using DaemonProcess daemon = _store.Serve();
        using LineSocket client = await daemon.ConnectAsync("lines");
        Task<string> answers = client.ReadToEndAsync();
        await client.SendAsync("LS1 s from=1\n" + lines);
        client.HalfClose();
        Assert.EndsWith("BYE 50000 0\n", await answers, StringComparison.Ordinal);
        Assert.Equal(0, await daemon.StopAsync());
        Assert.True(string.Equals(lines, _store.Lines("s"), StringComparison.Ordinal), "a byte is wrong");
    }

    [Fact]
    public async Task A_killed_server_has_what_it_acknowledged()
    {
        await using (DaemonProcess daemon = _store.Serve())
        {
            using LineSocket client = await daemon.ConnectAsync("lines");
            await client.SendAsync("LS1 s from=1\none\ntwo\n");
            Assert.StartsWith("OK 0 ", await client.ReadLineAsync(), StringComparison.Ordinal);
            await client.ReadAcknowledgementAsync(2);
            daemon.Send(Signal.Killed);
            await daemon.StatusAsync();
        }

        await using DaemonProcess again = _store.Serve();
        await AssertAnswerAsync(again, "LS1 s\n", "OK 2 ");
        await AssertAnswerAsync(again, "LS1 other\n", "OK 0 ");
    }

    private static async Task AssertAnswerAsync(DaemonProcess daemon, string opening, string answer)
    {
        using LineSocket client = await daemon.ConnectAsync("lines");
        await client.SendAsync(opening);
        Assert.StartsWith(answer, await client.ReadLineAsync(), StringComparison.Ordinal);
    }
}
