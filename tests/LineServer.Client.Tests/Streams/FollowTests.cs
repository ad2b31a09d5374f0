using System.Text;
using LineServer.Client.Streams;

namespace LineServer.Client.Tests.Streams;

/// <summary>A file that grows, is rotated and truncated while it is sent, or between two runs.</summary>
public sealed class FollowTests : IDisposable
{
    private readonly StreamFixture _fixture = new();
    private readonly EarlyEnd _stop = new(maxTime: null);
    private readonly string _log;

    public FollowTests() => _log = _fixture.Write("app.log", "1\n2\n");

    public void Dispose()
    {
        _stop.Dispose();
        _fixture.Dispose();
    }

    [Fact]
    public async Task Lines_are_sent_as_the_file_grows_and_a_part_of_a_line_waits_for_its_rest()
    {
        await using AckServer server = AckServer.Start();
        Task<int> run = FollowAsync(server);
        await server.StoredAsync(2);
        Append("3\nfo");
        await server.StoredAsync(3);
        Append("ur\n");
        await server.StoredAsync(4);
        Append("unfinished");

        Assert.Equal(0, await StopAsync(run));
        Assert.Equal("1\n2\n3\nfour\n", server.Text);
        Assert.Equal("", _fixture.Notes);
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_waited_for()
    {
        await using AckServer server = AckServer.Start();
        File.Delete(_log);
        Task<int> run = FollowAsync(server);
        Assert.True(SpinWait.SpinUntil(() => _fixture.Notes.Length > 0, TimeSpan.FromSeconds(60)));
        File.WriteAllText(_log, "1\n");
        await server.StoredAsync(1);

        Assert.Equal(0, await StopAsync(run));
        Assert.Equal($"lineclient: {_log}: no such file; waiting for it\n", _fixture.Notes);
    }

    [Fact]
    public async Task The_rest_of_a_rotated_file_comes_before_the_new_one()
    {
        await using AckServer server = AckServer.Start();
        Task<int> run = FollowAsync(server);
        await server.StoredAsync(2);

        for (int round = 0; round < 3; round++)
        {
            Rotate();
            long count = server.Count;
            File.AppendAllText(_log + ".1", $"old {round}\n");
            await server.StoredAsync(count + 1);
            File.WriteAllText(_log, $"new {round}\n");
            await server.StoredAsync(count + 2);
        }

        Assert.Equal(0, await StopAsync(run));
        Assert.Equal("1\n2\nold 0\nnew 0\nold 1\nnew 1\nold 2\nnew 2\n", server.Text);
    }

    [Fact]
    public async Task A_connection_that_is_lost_after_a_rotation_resends_from_the_old_file()
    {
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OkAsync();
            await connection.TakeUntilAsync(1);
            await connection.AckAsync();
            Rotate();
            File.WriteAllText(_log, "3\n4\n");

            // Nothing is stored or acknowledged, until the new file's lines have come too.
            byte[] expected = "2\n3\n4\n"u8.ToArray();
            Assert.Equal(expected, await connection.PeekAsync(expected.Length));
            connection.Reset();
        });
        Task<int> run = FollowAsync(server);
        await server.StoredAsync(4);

        Assert.Equal(0, await StopAsync(run));
        Assert.Equal("1\n2\n3\n4\n", server.Text);
    }

    [Fact]
    public async Task A_run_after_a_rotation_goes_on_in_the_new_file()
    {
        await using AckServer server = AckServer.Start();
        Task<int> run = FollowAsync(server);
        await server.StoredAsync(2);
        Rotate();
        File.WriteAllText(_log, "3\n");
        await server.StoredAsync(3);
        Assert.Equal(0, await StopAsync(run));
        File.Delete(_log + ".1");
        Append("4\n");

        using (var again = new EarlyEnd(null))
        {
            run = FollowAsync(server, again);
            await server.StoredAsync(4);
            Assert.True(again.TryRequest(new("stopped", 143)));
            Assert.Equal(0, await run);
        }

        // Without --follow the new file is found by its inode as well.
        Append("5\n");
        Assert.Equal(0, await _fixture.RunAsync(server, _log));
        Assert.Equal("1\n2\n3\n4\n5\n", server.Text);
    }

    [Fact]
    public async Task A_run_that_knows_only_the_state_from_before_a_rotation_finds_the_servers_count_in_the_new_file()
    {
        await using AckServer server = AckServer.Start();
        Task<int> run = FollowAsync(server);
        await server.StoredAsync(2);
        Assert.True(SpinWait.SpinUntil(() => _fixture.Acknowledged == 2, TimeSpan.FromSeconds(60)));
        byte[] state = await File.ReadAllBytesAsync(_fixture.StatePath!, TestContext.Current.CancellationToken);
        Append("dropped");
        Rotate();
        File.WriteAllText(_log, "3\n4\n");
        await server.StoredAsync(4);
        Assert.Equal(1, await StopAsync(run));
        await File.WriteAllBytesAsync(_fixture.StatePath!, state, TestContext.Current.CancellationToken);
        Append("5\n");

        using var again = new EarlyEnd(null);
        run = FollowAsync(server, again);
        await server.StoredAsync(5);
        Assert.True(again.TryRequest(new("stopped", 143)));
        Assert.Equal(1, await run);
        Assert.Equal("1\n2\n3\n4\n5\n", server.Text);
    }

    [Fact]
    public async Task Rotations_between_two_runs_are_made_up_for_from_the_files_beside()
    {
        await using AckServer server = AckServer.Start();
        Task<int> run = FollowAsync(server);
        await server.StoredAsync(2);
        Assert.Equal(0, await StopAsync(run));

        // Beside an older one, and one that is no rotated file.
        Append("3\n");
        File.Move(_log, _log + ".3");
        Write(".4", "older\n", minutesAgo: 9);
        Write(".lock", "not a log\n", minutesAgo: 1);
        File.SetLastWriteTimeUtc(_log + ".3", DateTime.UtcNow.AddMinutes(-5));
        Write(".2", "4\n", minutesAgo: 4);
        Write(".1", "5\n", minutesAgo: 3);
        File.WriteAllText(_log, "6\n");

        using var again = new EarlyEnd(null);
        run = FollowAsync(server, again);
        await server.StoredAsync(6);
        Assert.True(again.TryRequest(new("stopped", 143)));
        Assert.Equal(0, await run);
        Assert.Equal("1\n2\n3\n4\n5\n6\n", server.Text);
        Assert.Contains($"was rotated more than once; {_log}.2 comes next", _fixture.Notes, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rotated_file_is_not_waited_for_when_the_next_one_was_rotated_too()
    {
        await using AckServer server = AckServer.Start();
        File.SetLastWriteTimeUtc(_log, DateTime.UtcNow.AddMinutes(-5));
        Task<int> run = FollowAsync(server, _stop, options => options, rotationGrace: TimeSpan.FromHours(1));
        await server.StoredAsync(2);
        File.Move(_log, _log + ".2");
        Write(".1", "3\n", minutesAgo: 4);
        File.WriteAllText(_log, "not yet\n");
        await server.StoredAsync(3);

        Assert.Equal(0, await StopAsync(run));
        Assert.Equal("1\n2\n3\n", server.Text);
    }

    [Fact]
    public async Task What_is_written_just_before_a_second_rotation_comes_before_the_next_file()
    {
        const string renamed = ".2";
        var log = InputFile.Open(_log);
        File.Move(_log, _log + renamed);

        // Between a look at the file's length and one at the files beside it.
        var time = new ActingTime(() =>
        {
            File.AppendAllText(_log + renamed, "3\n");
            File.SetLastWriteTimeUtc(_log + renamed, DateTime.UtcNow.AddMinutes(-5));
            Write(".1", "4\n", minutesAgo: 4);
        });
        File.WriteAllText(_log, "5\n");
        var timing = new StreamTiming { Time = time, RotationGrace = TimeSpan.FromHours(1) };
        var notes = new List<string>();
        using FileSource source = FileSource.Open(log, follow: true, terminate: false, [], timing, notes.Add);
        byte[] bytes = new byte[100];
        var position = new StreamMark(2, 4, 0);
        Assert.True(await source.WaitAsync(position, position.Offset, TestContext.Current.CancellationToken));
        Assert.Equal("3\n", Encoding.Latin1.GetString(bytes, 0, source.Read(bytes, position.Offset)));

        Assert.Empty(notes);
        position = new StreamMark(3, 6, 0);
        Assert.True(await source.WaitAsync(position, position.Offset, TestContext.Current.CancellationToken));
        Assert.Equal("4\n", Encoding.Latin1.GetString(bytes, 0, source.Read(bytes, position.Offset)));
    }

    [Fact]
    public async Task A_file_that_is_rotated_before_the_server_was_ever_there_is_sent_first()
    {
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OpeningAsync();
            Assert.True(_stop.TryRequest(new("stopped", 143)));
            await connection.DiscardAsync();
        });
        Assert.Equal(143, await FollowAsync(server));
        Rotate();
        File.WriteAllText(_log, "3\n");

        using var again = new EarlyEnd(null);
        Task<int> run = FollowAsync(server, again);
        await server.StoredAsync(3);
        Assert.True(again.TryRequest(new("stopped", 143)));
        Assert.Equal(0, await run);
        Assert.Equal("1\n2\n3\n", server.Text);
    }

    [Fact]
    public async Task A_compressed_file_in_between_is_an_error_and_not_a_gap()
    {
        await using AckServer server = AckServer.Start();
        Task<int> run = FollowAsync(server);
        await server.StoredAsync(2);
        Assert.Equal(0, await StopAsync(run));
        File.Move(_log, _log + ".2");
        File.SetLastWriteTimeUtc(_log + ".2", DateTime.UtcNow.AddMinutes(-5));
        Write(".1.gz", "?", minutesAgo: 3);
        File.WriteAllText(_log, "6\n");

        using var again = new EarlyEnd(null);
        Assert.Equal(1, await FollowAsync(server, again));
        Assert.Contains($"{_log}.1.gz comes next, after line 2 of the stream, and is compressed", _fixture.Notes, StringComparison.Ordinal);
        Assert.Equal("1\n2\n", server.Text);
    }

    [Theory]
    [InlineData(true, "the file of the last run is neither here nor beside it: it was rotated, and compressed or removed")]
    [InlineData(false, "if it was rotated since the last run, only that run's state knows where this file begins, and there is none")]
    public async Task A_new_file_whose_old_one_is_not_known_is_an_error_that_says_why(bool hasState, string expected)
    {
        await using AckServer server = AckServer.Start();
        Task<int> run = FollowAsync(server);
        await server.StoredAsync(2);
        Assert.Equal(0, await StopAsync(run));
        using FileStream keepsTheInode = File.OpenRead(_log);
        File.Delete(_log);
        File.WriteAllText(_log, "3\n4\n");
        if (!hasState)
        {
            Directory.Delete(_fixture.StateDirectory, recursive: true);
        }

        using var again = new EarlyEnd(null);
        Assert.Equal(1, await FollowAsync(server, again));
        Assert.Contains($"is not the file of the stream web-7: ", _fixture.Notes, StringComparison.Ordinal);
        Assert.Contains(expected, _fixture.Notes, StringComparison.Ordinal);
        Assert.Equal("1\n2\n", server.Text);
    }

    [Fact]
    public async Task A_file_that_is_truncated_while_it_is_followed_is_an_error()
    {
        await using AckServer server = AckServer.Start();
        Task<int> run = FollowAsync(server);
        await server.StoredAsync(2);
        File.WriteAllText(_log, "3\n");

        Assert.Equal(1, await run);
        Assert.Contains($"{_log} was truncated at line 2 of the stream", _fixture.Notes, StringComparison.Ordinal);
        Assert.Equal("1\n2\n", server.Text);
    }

    [Fact]
    public async Task A_file_that_was_truncated_since_the_last_run_is_an_error_that_says_so()
    {
        await using AckServer server = AckServer.Start();
        Task<int> run = FollowAsync(server);
        await server.StoredAsync(2);
        Assert.Equal(0, await StopAsync(run));
        File.WriteAllText(_log, "3\n");

        using var again = new EarlyEnd(null);
        Assert.Equal(1, await FollowAsync(server, again));
        Assert.Contains("(it is shorter than it was in the last run: it was truncated)", _fixture.Notes, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, 1, "1\n2\nnew\n")]
    [InlineData(true, 0, "1\n2\nunfinished\nnew\n")]
    public async Task A_rotated_file_that_ends_within_a_line_is_terminated_or_said(bool terminate, int exitStatus, string expected)
    {
        await using AckServer server = AckServer.Start();
        Append("unfinished");
        Task<int> run = FollowAsync(server, _stop, options => options with { Terminate = terminate });
        await server.StoredAsync(2);
        Rotate();
        File.WriteAllText(_log, "new\n");
        await server.StoredAsync(terminate ? 4 : 3);

        Assert.Equal(exitStatus, await StopAsync(run));
        Assert.Equal(expected, server.Text);
        Assert.Equal(!terminate, _fixture.Notes.StartsWith($"lineclient: {_log}: the last line has no LF; it was not sent", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_is_written_to_the_old_file_after_the_new_one_followed_is_said()
    {
        await using AckServer server = AckServer.Start();
        Task<int> run = FollowAsync(server);
        await server.StoredAsync(2);
        using (StreamWriter writer = File.AppendText(_log))
        {
            Rotate();
            File.WriteAllText(_log, "3\n");
            await server.StoredAsync(3);
            await writer.WriteAsync("late\n");
        }

        Assert.True(SpinWait.SpinUntil(() => _fixture.Notes.Length > 0, TimeSpan.FromSeconds(60)));
        Assert.Equal(1, await StopAsync(run));
        Assert.Equal($"lineclient: {_log}: lines were written to the old file when the new one had followed; they were not sent\n", _fixture.Notes);
    }

    [Fact]
    public async Task A_stop_waits_for_what_is_outstanding_but_not_for_ever()
    {
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var taken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OkAsync();
            await connection.TakeUntilAsync(2);
            taken.SetResult();
            await end.Task;
        });
        Task<int> run = FollowAsync(server);
        await taken.Task;

        Assert.Equal(143, await StopAsync(run));
        Assert.Equal("lineclient: stopped (lines sent: 2, acknowledged: 0)\n", _fixture.Notes);
        end.SetResult();
    }

    [Fact]
    public async Task A_stop_before_the_server_is_there_has_sent_nothing()
    {
        await using AckServer server = AckServer.Start(async connection =>
        {
            await connection.OpeningAsync();
            Assert.True(_stop.TryRequest(new("stopped", 143)));
            await connection.DiscardAsync();
        });

        Assert.Equal(143, await FollowAsync(server));
        Assert.Equal("", server.Text);
    }

    [Fact]
    public async Task Runs_that_end_anywhere_and_know_only_an_old_state_neither_lose_nor_repeat_a_line_over_rotations()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        var content = new StringBuilder("1\n2\n");
        var states = new List<byte[]>();
        int lines = 2, rotations = 0;
        await using AckServer server = AckServer.Start();

        // A writer's time of its own, so that the order of files does not depend on the clock's steps.
        DateTime written = DateTime.UtcNow.AddDays(-1);
        void WriteSome()
        {
            string text = string.Concat(Enumerable.Range(lines + 1, random.Next(50)).Select(i => $"{i}\n"));
            lines += text.Count(c => c == '\n');
            content.Append(text);
            Append(text);
            File.SetLastWriteTimeUtc(_log, written = written.AddSeconds(1));
        }

        async Task StoredAsync(long count, Task run, EarlyEnd stop)
        {
            Task stored = server.StoredAsync(count);
            bool isStored = await Task.WhenAny(stored, run) == stored && stored.IsCompletedSuccessfully;
            if (!isStored)
            {
                _ = stop.TryRequest(new("failed", 143)); // or the server would wait for the run
            }

            Assert.True(isStored, $"seed {seed}: {count} of {lines} lines expected, {server.Count} stored: {_fixture.Notes}");
        }

        for (int round = 0; round < 20; round++)
        {
            if (states.Count > 0)
            {
                await File.WriteAllBytesAsync(_fixture.StatePath!, states[random.Next(states.Count)], TestContext.Current.CancellationToken);
            }

            using var stop = new EarlyEnd(null);
            Task<int> run = FollowAsync(server, stop, options => options, stopGrace: TimeSpan.Zero);
            // A first run knows no rotated file: it must have opened the log before the rotation.
            int more = states.Count == 0 ? 1 : random.Next(Math.Min(2, lines - (int)server.Count + 1));
            await StoredAsync(server.Count + more, run, stop);
            for (int write = random.Next(4); write > 0; write--)
            {
                WriteSome();
                if (random.Next(2) == 0)
                {
                    File.Move(_log, $"{_log}.{++rotations}");
                    WriteSome();
                }
            }

            await StoredAsync(random.NextInt64(server.Count, lines + 1), run, stop);
            Assert.True(stop.TryRequest(new("stopped", 143)));
            Assert.True(await run is 0 or 143, $"seed {seed}: {_fixture.Notes}");
            if (_fixture.StatePath is string path)
            {
                states.Add(await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));
            }
        }

        Append("end\n");
        Task<int> last = FollowAsync(server);
        await StoredAsync(lines + 1, last, _stop);
        Assert.Equal(0, await StopAsync(last));
        Assert.True(content.Append("end\n").ToString() == server.Text, $"seed {seed}");
        Assert.True(rotations > 0, $"seed {seed}");
    }

    private Task<int> FollowAsync(AckServer server) => FollowAsync(server, _stop);

    private Task<int> FollowAsync(AckServer server, EarlyEnd stop, Func<RunOptions, RunOptions>? change = null, TimeSpan? stopGrace = null, TimeSpan? rotationGrace = null)
    {
        RunOptions options = _fixture.Options(server, _log) with { Follow = true, GiveUpAfter = Timeout.InfiniteTimeSpan };
        var timing = new StreamTiming
        {
            PollInterval = TimeSpan.FromMilliseconds(2),
            RotationGrace = rotationGrace ?? TimeSpan.FromMilliseconds(20),
            StopGrace = stopGrace ?? TimeSpan.FromMilliseconds(200),
            SaveInterval = TimeSpan.Zero,
        };
        return _fixture.RunAsync(change is null ? options : change(options), stop, timing);
    }

    private Task<int> StopAsync(Task<int> run)
    {
        Assert.True(_stop.TryRequest(new("stopped", 143)));
        return run;
    }

    private void Append(string text) => File.AppendAllText(_log, text);

    private void Rotate() => File.Move(_log, _log + ".1", overwrite: true);

    private void Write(string suffix, string text, int minutesAgo)
    {
        File.WriteAllText(_log + suffix, text);
        File.SetLastWriteTimeUtc(_log + suffix, DateTime.UtcNow.AddMinutes(-minutesAgo));
    }

    /// <summary>The clock of the machine. The first who reads it, to measure a time, makes something happen.</summary>
    private sealed class ActingTime(Action action) : TimeProvider
    {
        private Action? _action = action;

        public override long GetTimestamp()
        {
            Interlocked.Exchange(ref _action, null)?.Invoke();
            return base.GetTimestamp();
        }
    }
}
