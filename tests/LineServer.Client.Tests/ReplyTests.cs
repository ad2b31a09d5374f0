using System.Net.Sockets;
using System.Text;

namespace LineServer.Client.Tests;

public sealed class ReplyTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("none")]
    [InlineData("0")]
    [InlineData("1")]
    [InlineData("3")]
    public async Task As_many_replies_as_expected_are_right(string replies)
    {
        int count = replies is "none" ? 2 : int.Parse(replies);
        await using TestServer server = TestServer.Start(
            Serve.Lines(_ => string.Concat(Enumerable.Repeat("ok\n", count))));

        ClientResult result = await ClientProcess.RunWithInputAsync("a\nb\n", server.Address, "--replies", replies);

        result.AssertSucceeded();
        Assert.Equal(string.Concat(Enumerable.Repeat("ok\n", count * 2)), result.Text);
    }

    [Fact]
    public async Task A_missing_reply_is_reported_with_its_line()
    {
        int line = 0;
        await using TestServer server = TestServer.Start(Serve.Lines(_ => ++line < 3 ? "ok\n" : null));

        ClientResult result = await ClientProcess.RunWithInputAsync("a\nb\nc\n", server.Address, "--replies", "1");

        result.AssertFailed(1, "connection 1: line 3: no reply");
        Assert.Equal("ok\nok\n", result.Text);
    }

    [Fact]
    public async Task One_of_two_replies_missing_is_reported_with_its_line()
    {
        int line = 0;
        await using TestServer server = TestServer.Start(Serve.Lines(_ => ++line == 2 ? "one\nhalf" : "one\ntwo\n"));

        ClientResult result = await ClientProcess.RunWithInputAsync("a\nb\n", server.Address, "--replies", "2");

        result.AssertFailed(1, "line 2: 1 of 2 replies, and part of another");
    }

    [Fact]
    public async Task A_reply_cut_off_in_the_middle_does_not_count()
    {
        await using TestServer server = TestServer.Start(Serve.Lines(_ => "half"));

        ClientResult result = await ClientProcess.RunWithInputAsync("a\n", server.Address, "--replies", "1");

        result.AssertFailed(1, "line 1: no complete reply");
    }

    [Theory]
    [InlineData("1", "ok\nmore\n", "line 2: more than 1 reply")]
    [InlineData("1", "ok\nhalf", "line 2: more than 1 reply")]
    [InlineData("0", "unasked\n", "line 2: more than 0 replies")]
    [InlineData("0", "unasked", "line 2: more than 0 replies")]
    public async Task More_replies_than_expected_are_reported_with_the_line(
        string replies, string lastReply, string expected)
    {
        int line = 0;
        string others = replies is "0" ? "" : "ok\n";
        await using TestServer server = TestServer.Start(Serve.Lines(_ => ++line == 2 ? lastReply : others));

        ClientResult result = await ClientProcess.RunWithInputAsync("a\nb\n", server.Address, "--replies", replies);

        result.AssertFailed(1, expected);
    }

    [Fact]
    public async Task An_echo_is_right_however_it_is_cut()
    {
        await using TestServer server = TestServer.Start(async socket =>
        {
            socket.NoDelay = true;
            foreach (byte value in await Serve.CollectAsync(socket))
            {
                await socket.SendAsync(new[] { value });
            }
        });

        ClientResult result = await ClientProcess.RunWithInputAsync(
            "one\r\n\n\0two\xff\n", server.Address, "--check-echo");

        result.AssertSucceeded();
        Assert.Equal("one\r\n\n\0two\xff\n", result.Text);
    }

    [Theory]
    [InlineData("the secons line\n", "line 2: the reply differs from byte 10 on: expected \"the second line\\n\", got \"the secons line\\n\"")]
    [InlineData("the second\n", "line 2: the reply differs from byte 11 on: expected \"the second line\\n\", got \"the second\\n\"")]
    [InlineData("THE\x01\t\n", "line 2: the reply differs from byte 1 on: expected \"the second line\\n\", got \"THE\\x01\\t\\n\"")]
    [InlineData("", "line 2: the reply differs from byte 5 on: expected \"the second line\\n\", got \"the third\\n\"")]
    public async Task A_wrong_echo_is_reported_with_its_place(string second, string expected)
    {
        await using TestServer server = TestServer.Start(
            Serve.Lines(line => line.Contains("second", StringComparison.Ordinal) ? second : line));

        // Input from a file and from a pipe: the client remembers what it has sent in different ways.
        const string Input = "first\nthe second line\nthe third\n";
        ClientResult fromPipe = await ClientProcess.RunWithInputAsync(Input, server.Address, "--check-echo");
        ClientResult fromFile = await ClientProcess.RunAsync(
            server.Address, "--check-echo", _folder.Write("file", Input));

        fromPipe.AssertFailed(1, "connection 1: " + expected);
        fromFile.AssertFailed(1, "connection 1: " + expected);
    }

    [Fact]
    public async Task A_difference_in_a_long_line_is_shown_in_a_short_excerpt()
    {
        string line = new string('a', 100_000) + "X" + new string('b', 100_000) + "\n";
        await using TestServer server = TestServer.Start(Serve.Lines(text => text.Replace('X', 'Y')));

        ClientResult result = await ClientProcess.RunWithInputAsync(line, server.Address, "--check-echo", "--quiet");

        result.AssertFailed(1, "from byte 100001 on: expected \"…aaaaaaaaaaaaaaaaXbb");
        Assert.Contains("got \"…aaaaaaaaaaaaaaaaYbb", result.Errors, StringComparison.Ordinal);
        Assert.InRange(result.Errors.Length, 0, 300);
    }

    [Fact]
    public async Task A_lost_last_echo_is_reported()
    {
        await using TestServer server = TestServer.Start(Serve.Lines(line => line is "c\n" ? null : line));

        ClientResult result = await ClientProcess.RunWithInputAsync("a\nb\nc\n", server.Address, "--check-echo");

        result.AssertFailed(1, "line 3: no reply");
    }

    [Fact]
    public async Task An_echo_of_what_was_never_sent_is_reported()
    {
        await using TestServer server = TestServer.Start(async socket =>
        {
            await socket.SendAsync(await Serve.CollectAsync(socket));
            await socket.SendAsync("a\n"u8.ToArray());
        });

        ClientResult result = await ClientProcess.RunWithInputAsync("a\n", server.Address, "--check-echo");

        result.AssertFailed(1, "line 2: expected nothing more, got \"a\\n\"");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_line_much_longer_than_what_is_kept_in_flight_is_echoed(bool fromFile)
    {
        // The server answers only once it has the whole line: a client that waited for the echo before
        // sending on would wait for ever.
        string line = new string('z', 5_000_000) + "\n";
        await using TestServer server = TestServer.Start(Serve.Lines(text => text));

        ClientResult result = fromFile
            ? await ClientProcess.RunAsync(server.Address, "--check-echo", _folder.Write("file", line + line))
            : await ClientProcess.RunWithInputAsync(line + line, server.Address, "--check-echo");

        result.AssertSucceeded();
        Assert.Equal(line + line, result.Text);
    }

    [Fact]
    public async Task The_first_connections_failures_are_told_and_the_rest_counted()
    {
        await using TestServer server = TestServer.Start(Serve.Lines(_ => "wrong\n"));

        ClientResult result = await ClientProcess.RunAsync(
            server.Address, "--check-echo", "--quiet", "--connections", "30", _folder.Write("file", "right\n"));

        Assert.Equal(1, result.ExitStatus);
        Assert.Equal(11, result.Errors.Count(c => c == '\n'));
        Assert.Contains("30 of 30 connections failed", result.Errors, StringComparison.Ordinal);
    }
}
