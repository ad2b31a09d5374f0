using System.Net;
using System.Net.Sockets;
using LineServer.Client.Streams;

namespace LineServer.Client.Tests.Streams;

/// <summary>One run, or a few, against a server that goes wrong in some way.</summary>
public sealed class StreamTests : IDisposable
{
    private const string Five = "one\ntwo\nthree\nfour\nfive\n";

    private readonly StreamFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task A_file_is_sent_after_OK_and_every_line_is_stored_once()
    {
        await using AckServer server = AckServer.Start();

        Assert.Equal(0, await _fixture.RunAsync(server, _fixture.Write("file", Five)));

        Assert.Equal(Five, server.Text);
        Assert.Equal(["LS1 web-7"], server.Openings);
        Assert.Equal("", _fixture.Notes);
    }

    [Fact]
    public async Task A_second_run_of_the_same_file_sends_nothing_and_one_that_has_grown_only_the_new_lines()
    {
        await using AckServer server = AckServer.StartOn(_fixture.PathOf("sock"));
        string file = _fixture.Write("file", Five);
        Assert.Equal(0, await _fixture.RunAsync(server, file));
        long received = -1;
        server.Script(async connection =>
        {
            await connection.OkAsync();
            received = await connection.DiscardAsync();
            await connection.SendAsync("BYE 5 0\n");
        });

        Assert.Equal(0, await _fixture.RunAsync(server, file));
        Assert.Equal(0, received);

        _fixture.Write("file", Five + "six\n");
        Assert.Equal(0, await _fixture.RunAsync(server, file));
        Assert.Equal(Five + "six\n", server.Text);
    }

    [Fact]
    public async Task An_empty_file_is_a_stream_of_no_lines()
    {
        await using AckServer server = AckServer.Start();
        Assert.Equal(0, await _fixture.RunAsync(server, _fixture.Write("file", "")));
        Assert.Equal(0, server.Count);
    }

    [Fact]
    public async Task A_connection_that_is_lost_before_OK_has_sent_nothing_and_is_opened_again()
    {
        await using AckServer server = AckServer.Start(
            async connection =>
            {
                await connection.OpeningAsync();
                connection.Reset();
            },
            connection => connection.OpeningAsync());

        Assert.Equal(0, await _fixture.RunAsync(server, _fixture.Write("file", Five)));

        Assert.Equal(Five, server.Text);
        Assert.Equal(3, server.Connections);
        Assert.Equal("lineclient: the server reset the connection; trying again\n", _fixture.Notes);
    }

    [Fact]
    public async Task A_connection_that_is_lost_after_lines_were_stored_resumes_behind_them()
    {
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OkAsync();
            await connection.TakeUntilAsync(3);
            await connection.AckAsync();
            connection.Reset();
        });

        Assert.Equal(0, await _fixture.RunAsync(server, _fixture.Write("file", Five)));
        Assert.Equal(Five, server.Text);
        Assert.Equal(2, server.Connections);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(5)]
    public async Task A_lost_ACK_is_made_good_by_the_count_of_the_next_OK(long stored)
    {
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OkAsync();
            await connection.TakeUntilAsync(stored);
        });

        Assert.Equal(0, await _fixture.RunAsync(server, _fixture.Write("file", Five)));
        Assert.Equal(Five, server.Text);
    }

    [Fact]
    public async Task A_BYE_that_does_not_cover_every_line_is_a_lost_connection()
    {
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OkAsync();
            await connection.TakeUntilAsync(2);
            await connection.SendAsync("BYE 2 0\n");
        });

        Assert.Equal(0, await _fixture.RunAsync(server, _fixture.Write("file", Five)));
        Assert.Equal(Five, server.Text);
    }

    [Fact]
    public async Task An_ACK_of_every_line_is_enough_if_no_BYE_comes()
    {
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OkAsync();
            while (await connection.TakeAsync())
            {
            }

            await connection.AckAsync();
            connection.Reset();
        });

        Assert.Equal(0, await _fixture.RunAsync(server, _fixture.Write("file", Five)));
        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task Unknown_lines_and_keys_are_ignored_wherever_they_come()
    {
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.SendAsync("HELLO\nNOTE 1 2 3\n\n");
            await connection.OkAsync(ok => "WARN 7\n" + ok.TrimEnd('\n') + " node=3 = x== zone\r\n");
            await connection.SendAsync($"LAG 5\n{new string('x', 100_000)}\nACK\nACK x\nERR\n");
            await connection.FinishAsync();
        });

        Assert.Equal(0, await _fixture.RunAsync(server, _fixture.Write("file", Five)));
        Assert.Equal(Five, server.Text);
        Assert.Equal(1, server.Connections);
    }

    [Theory]
    [InlineData("ERR 400 what?", 400)]
    [InlineData("ERR 401 token", 401)]
    [InlineData("ERR 409 superseded", 409)]
    [InlineData("ERR 413 line 3 is too long", 413)]
    [InlineData("ERR 416 gap 5", 416)]
    [InlineData("ERR 499 new\u001b[2J", 499)]
    public async Task A_final_error_ends_the_run_with_the_servers_text(string error, int code)
    {
        await using AckServer onOpening = AckServer.Start(async connection =>
        {
            await connection.OpeningAsync();
            await connection.SendAsync(error + "\n");
        });
        await using AckServer later = AckServer.Start(async connection =>
        {
            await connection.OkAsync();
            await connection.TakeUntilAsync(2);
            await connection.SendAsync($"ACK 2\n{error}\n");
        });
        string file = _fixture.Write("file", Five);

        Assert.Equal(1, await _fixture.RunAsync(onOpening, file));
        Assert.Equal(1, await _fixture.RunAsync(later, file));

        Assert.Equal(1, onOpening.Connections);
        Assert.Equal(1, later.Connections);
        string[] notes = _fixture.Notes.Split('\n');
        string said = $"lineclient: the server says: {code} {error[8..].Trim().Replace("\u001b", "\\x1B", StringComparison.Ordinal)}";
        Assert.Equal(said, notes[0]);
        Assert.Equal(said + " (lines sent: 5, acknowledged: 2)", notes[1]);
    }

    [Theory]
    [InlineData("ERR 408 too slow", 0)]
    [InlineData("ERR 503 draining retry=7", 7)]
    [InlineData("ERR 503 busy", 0)]
    [InlineData("ERR 507 full", 0)]
    [InlineData("ERR 599 something new", 0)]
    public async Task A_passing_error_is_tried_again_after_the_time_that_the_server_asks_for(string error, int seconds)
    {
        await using AckServer server = AckServer.Start(
            async connection =>
            {
                await connection.OpeningAsync();
                await connection.SendAsync(error + "\n");
            },
            async connection =>
            {
                await connection.OkAsync();
                await connection.TakeUntilAsync(2);
                await connection.SendAsync($"ACK 2\n{error}\n");
            });

        Assert.Equal(0, await _fixture.RunAsync(server, _fixture.Write("file", Five)));

        Assert.Equal(Five, server.Text);
        Assert.Equal(2, _fixture.Time.Pauses.Count);
        Assert.All(_fixture.Time.Pauses, pause => Assert.InRange(pause.TotalSeconds, seconds + 0.05, seconds + 0.3));
    }

    [Fact]
    public async Task A_server_that_stays_silent_with_lines_outstanding_is_left_after_the_limit_and_not_before()
    {
        var silent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OkAsync();
            await connection.TakeUntilAsync(5);
            Assert.False(await connection.TakeAsync());
            silent.SetResult();
            await end.Task;
        });
        Task<int> run = _fixture.RunAsync(_fixture.Options(server, _fixture.Write("file", Five)) with { GiveUpAfter = Timeout.InfiniteTimeSpan });
        await silent.Task;

        _fixture.Time.Advance(StreamFixture.SilenceLimit - TimeSpan.FromSeconds(1));
        Assert.Equal(1, server.Connections);
        Assert.False(run.IsCompleted);
        _fixture.Time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(0, await run);
        end.SetResult();
        Assert.Equal(2, server.Connections);
        Assert.Equal("lineclient: the server has been silent for 1000 s; trying again (lines sent: 5, acknowledged: 0)\n", _fixture.Notes);
    }

    [Fact]
    public async Task A_late_ACK_begins_the_time_of_silence_anew()
    {
        var waiting = new SemaphoreSlim(0);
        var go = new SemaphoreSlim(0);
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OkAsync();
            await connection.TakeUntilAsync(5);
            for (int count = 1; count <= 3; count++)
            {
                waiting.Release();
                await go.WaitAsync();
                await connection.SendAsync($"ACK {count}\n");
            }

            await connection.FinishAsync();
        });
        RunOptions options = _fixture.Options(server, _fixture.Write("file", Five));
        Task<int> run = _fixture.RunAsync(options);
        for (int count = 1; count <= 3; count++)
        {
            await waiting.WaitAsync(TestContext.Current.CancellationToken);
            _fixture.Time.Advance(StreamFixture.SilenceLimit - TimeSpan.FromSeconds(1));
            go.Release();
            if (count < 3)
            {
                // The state is saved when the ACK has been taken, because the clock has moved.
                Assert.True(SpinWait.SpinUntil(() => _fixture.Acknowledged == count, TimeSpan.FromSeconds(60)));
            }
        }

        Assert.Equal(0, await run);
        Assert.Equal(1, server.Connections);
        Assert.Equal(Five, server.Text);
    }

    [Fact]
    public async Task A_server_that_never_says_OK_is_given_up_on_after_growing_pauses()
    {
        Func<AckConnection, Task>[] refusals = [.. Enumerable.Repeat<Func<AckConnection, Task>>(
            async connection =>
            {
                await connection.OpeningAsync();
                await connection.SendAsync("ERR 503 draining\n");
            },
            100)];
        await using AckServer server = AckServer.Start(refusals);

        Assert.Equal(1, await _fixture.RunAsync(server, _fixture.Write("file", Five)));

        IReadOnlyList<TimeSpan> pauses = _fixture.Time.Pauses;
        Assert.InRange(pauses.Sum(pause => pause.TotalSeconds), 550, 600);
        Assert.InRange(pauses[0].TotalSeconds, 0.05, 0.15);
        Assert.InRange(pauses[4].TotalSeconds, 0.8, 2.4);
        Assert.All(pauses.Skip(12), pause => Assert.InRange(pause.TotalSeconds, 15, 45));
        Assert.Equal(
            "lineclient: the server says: 503 draining; trying again\n" +
            "lineclient: the server says: 503 draining; given up after 600 s\n",
            _fixture.Notes);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_waited_for_and_then_status_3()
    {
        using var bound = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        RunOptions options = new()
        {
            Address = ServerAddress.Parse($"tcp://{bound.LocalEndPoint}"),
            Files = [_fixture.Write("file", Five)],
            Stream = "web-7",
            Timeout = TimeSpan.FromSeconds(5000),
            GiveUpAfter = TimeSpan.FromSeconds(60),
        };

        Assert.Equal(3, await _fixture.RunAsync(options));

        Assert.InRange(_fixture.Time.Pauses.Sum(pause => pause.TotalSeconds), 15, 60);
        Assert.EndsWith("Connection refused; given up after 60 s\n", _fixture.Notes, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("one\nother\n", "the first 2 lines that the server has are others")]
    [InlineData("one\ntwo\nthree\nfour\nfive\nsix\n", "the server has 6 lines, ")]
    public async Task A_stream_that_is_not_the_files_is_left_alone(string stored, string expected)
    {
        await using AckServer server = AckServer.Start();
        server.Set(stored);
        string file = _fixture.Write("file", Five);

        Assert.Equal(1, await _fixture.RunAsync(server, file));

        Assert.Equal(stored, server.Text);
        Assert.Contains($"{file} is not the file of the stream web-7: {expected}", _fixture.Notes, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_checksum_is_found_on_a_new_connection_too()
    {
        await using AckServer server = AckServer.Start(
            async connection =>
            {
                await connection.OkAsync();
                await connection.TakeUntilAsync(2);
                await connection.AckAsync();
                connection.Server.Set("one\ntwo\nTHREE\n");
            });

        Assert.Equal(1, await _fixture.RunAsync(server, _fixture.Write("file", Five)));
        Assert.Contains("is not the file of the stream web-7: the first 3 lines that the server has are others", _fixture.Notes, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_without_a_checksum_is_refused()
    {
        await using AckServer server = AckServer.Start(connection => connection.OkAsync(_ => "OK 0 max=65536\n"));
        Assert.Equal(1, await _fixture.RunAsync(server, _fixture.Write("file", Five)));
        Assert.Contains("no checksum", _fixture.Notes, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_has_lost_lines_is_said_loudly_and_gets_them_again_only_when_told()
    {
        await using AckServer server = AckServer.Start();
        string file = _fixture.Write("file", Five);
        Assert.Equal(0, await _fixture.RunAsync(server, file));
        server.Set("one\ntwo\n");

        Assert.Equal(1, await _fixture.RunAsync(server, file));
        Assert.Equal("one\ntwo\n", server.Text);
        Assert.Contains("LINES ARE LOST: the server has 2 lines of web-7, but had acknowledged 5. --resend sends", _fixture.Notes, StringComparison.Ordinal);

        Assert.Equal(0, await _fixture.RunAsync(_fixture.Options(server, file) with { Resend = true }));
        Assert.Equal(Five, server.Text);
        Assert.Equal(0, await _fixture.RunAsync(server, file));
    }

    [Fact]
    public async Task Lines_that_are_lost_between_two_connections_of_a_run_are_said_loudly_too()
    {
        await using AckServer server = AckServer.Start(
            async connection =>
            {
                await connection.OkAsync();
                await connection.TakeUntilAsync(4);
                await connection.AckAsync();
                connection.Server.Set("one\ntwo\n");
            });

        Assert.Equal(1, await _fixture.RunAsync(server, _fixture.Write("file", Five)));
        Assert.Contains("LINES ARE LOST: the server has 2 lines of web-7, but had acknowledged 4.", _fixture.Notes, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_store_is_said_loudly_and_gets_the_lines_only_when_told()
    {
        await using AckServer server = AckServer.Start();
        string file = _fixture.Write("file", Five);
        Assert.Equal(0, await _fixture.RunAsync(server, file));
        server.Set("");
        server.StoreId = "0000000000000001";

        Assert.Equal(1, await _fixture.RunAsync(server, file));
        Assert.Equal("", server.Text);
        Assert.Contains(
            "ANOTHER STORE: the server's is 0000000000000001 and has 0 lines of web-7; 7b21c0de9a4410f3 had acknowledged 5.", _fixture.Notes, StringComparison.Ordinal);

        Assert.Equal(0, await _fixture.RunAsync(_fixture.Options(server, file) with { Resend = true }));
        Assert.Equal(Five, server.Text);
    }

    [Fact]
    public async Task Without_a_state_directory_the_checksum_still_holds()
    {
        await using AckServer server = AckServer.Start();
        RunOptions options = _fixture.Options(server, _fixture.Write("file", Five)) with { StateDirectory = "/proc/none" };

        Assert.Equal(0, await _fixture.RunAsync(options));
        server.Set("one\ntwo\n");
        Assert.Equal(0, await _fixture.RunAsync(options));
        Assert.Equal(Five, server.Text);
        server.Set("other\n");
        Assert.Equal(1, await _fixture.RunAsync(options));

        Assert.Equal("other\n", server.Text);
        Assert.StartsWith("lineclient: no state is kept: ", _fixture.Notes, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_line_that_is_too_long_is_named_by_its_number_and_not_sent()
    {
        await using AckServer server = AckServer.Start();
        server.MaxLineSize = 4;

        Assert.Equal(1, await _fixture.RunAsync(server, _fixture.Write("file", Five)));

        Assert.Equal("one\ntwo\n", server.Text);
        Assert.Equal(1, server.Connections);
        Assert.Contains("line 3 of the stream is longer than the server takes (4 bytes); it was not sent (lines sent: 2, acknowledged: 2)", _fixture.Notes, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_last_line_without_an_LF_is_no_line_unless_it_is_terminated()
    {
        await using AckServer server = AckServer.Start();
        string file = _fixture.Write("file", "one\ntwo");

        Assert.Equal(1, await _fixture.RunAsync(server, file));
        Assert.Equal("one\n", server.Text);
        Assert.Equal($"lineclient: {file}: the last line has no LF; it was not sent (--terminate adds it)\n", _fixture.Notes);

        Assert.Equal(0, await _fixture.RunAsync(_fixture.Options(server, file) with { Terminate = true }));
        Assert.Equal("one\ntwo\n", server.Text);
    }

    [Fact]
    public async Task An_acknowledgment_of_lines_that_were_never_sent_ends_the_run()
    {
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OkAsync();
            await connection.SendAsync("ACK 99\n");
            await connection.DiscardAsync();
        });

        Assert.Equal(1, await _fixture.RunAsync(server, _fixture.Write("file", Five)));
        Assert.Contains("the server counts 99 lines, but only", _fixture.Notes, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_is_read_from_its_file_and_sent()
    {
        await using AckServer server = AckServer.Start();
        string file = _fixture.Write("file", Five);
        RunOptions options = _fixture.Options(server, file) with { TokenFile = _fixture.Write("token", "s3cret!\n") };

        Assert.Equal(0, await _fixture.RunAsync(options));
        Assert.Equal(["LS1 web-7 token=s3cret!"], server.Openings);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\nb\n")]
    [InlineData("two words\n")]
    [InlineData("\n")]
    public async Task A_token_file_that_holds_something_else_is_refused_before_anything_is_connected(string content)
    {
        await using AckServer server = AckServer.Start();
        RunOptions options = _fixture.Options(server, _fixture.Write("file", Five)) with { TokenFile = _fixture.Write("token", content) };

        Assert.Equal(1, await _fixture.RunAsync(options));
        Assert.Equal(0, server.Connections);
        Assert.Contains("must hold one line, a token of 1 to 128", _fixture.Notes, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connections_lost_at_random_places_of_a_long_file_neither_lose_nor_repeat_a_line()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        string content = string.Concat(Enumerable.Range(1, 60_000).Select(i => $"line {i} {new string('x', i * 7919 % 60)}\n"));
        Func<AckConnection, Task> Broken(long until, bool acknowledges, bool resets) => async connection =>
        {
            await connection.OkAsync();
            while (connection.Server.Count < until && await connection.TakeAsync((int)Math.Min(until - connection.Server.Count, random.Next(1, 5000))))
            {
                if (acknowledges)
                {
                    await connection.AckAsync();
                }
            }

            if (resets)
            {
                connection.Reset();
            }
        };
        long[] ends = [.. Enumerable.Range(0, 40).Select(_ => random.NextInt64(60_000)).Order()];
        await using AckServer server = AckServer.Start([.. ends.Select(end => Broken(end, random.Next(2) == 0, random.Next(2) == 0))]);

        int exitStatus = await _fixture.RunAsync(server, _fixture.Write("file", content));

        Assert.True(exitStatus == 0 && content == server.Text, $"seed {seed}: {_fixture.Notes}");
    }
}
