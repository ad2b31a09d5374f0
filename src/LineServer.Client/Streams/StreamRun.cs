using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace LineServer.Client.Streams;

/// <summary>
/// Sends a file or standard input as a stream of acknowledged lines: connects, resumes at the server's count, and connects
/// again when the connection is lost, until every line is acknowledged.
/// </summary>
internal sealed class StreamRun(RunOptions options, TextWriter notes, EarlyEnd earlyEnd, StreamTiming timing)
{
    private readonly StreamProgress _progress = new();
    private readonly StreamMarks _marks = new();
    private readonly Backoff _backoff = new(timing.Random);
    private readonly long _start = Stopwatch.GetTimestamp();
    private StreamState _state = new();
    private StateFolder? _folder;
    private ILineSource? _source;
    private LineCursor? _cursor;
    private string? _token;
    private long _lastSave;
    private bool _outageWasTold;
    private bool _releaseFailureWasTold;

    private ILineSource Source => _source!;

    private LineCursor Cursor => _cursor!;

    private string Counts => $"lines sent: {_progress.SentLines}, acknowledged: {_progress.Acknowledged}";

    private bool IsPlainFile => Source is FileSource && !options.Follow;

    private bool IsAllAcknowledged => _progress.IsAttached && Cursor.Position.Lines <= _progress.Acknowledged;

    /// <summary>Runs to the end, or to an early end. Returns an <see cref="ExitStatus"/>.</summary>
    public async Task<int> ExecuteAsync()
    {
        try
        {
            _token = options.TokenFile is null ? null : StreamToken.Read(options.TokenFile);

            InputFile input = await OpenAsync(options.Files[0]);
            if (options.Follow && !input.IsRereadable)
            {
                Tell($"--follow needs a file: {input.Name} can be read only once");
                return ExitStatus.BadOption;
            }

            using StateFolder folder = _folder = StateFolder.Open(options.StateDirectory, options.Address, options.Stream!, Tell);
            _state = folder.Load();
            return await ExecuteAsync(input);
        }
        catch (Exception e) when (e is IOException or StreamProblemException)
        {
            Tell(e.Message);
            return ExitStatus.Incomplete;
        }
        catch (OperationCanceledException)
        {
            EarlyEnd.Cause cause = await earlyEnd.Requested;
            Tell($"{cause.Text} before all inputs were open");
            return cause.ExitStatus;
        }
    }

    private async Task<int> ExecuteAsync(InputFile input)
    {
        using ILineSource source = _source = OpenSource(input);
        _cursor = new(source, _marks);
        _marks.Reset(source.Start ?? default);
        if (_state.Files.Count == 0)
        {
            // Also before the server is there: the file may be rotated meanwhile.
            Save();
        }

        using var done = new CancellationTokenSource();
        Task filling = source is Spool spool
            ? Task.Run(() => new SpoolFiller(input, spool, options.Terminate, options.SpoolLimit, Tell).RunAsync(done.Token))
            : Task.CompletedTask;
        Task showing = IsPlainFile && !options.Quiet
            ? StreamProgressBar.RunAsync((FileSource)source, _progress, done.Token)
            : Task.CompletedTask;

        StreamEnd end = await RepeatAsync();
        await done.CancelAsync();
        await Task.WhenAll(filling, showing);
        Release(_marks.Oldest);
        Save();
        int exitStatus = await ConcludeAsync(end);
        if (source is Spool { Start: not null } left && left.BytesAfter(_marks.Oldest) is var bytes and > 0)
        {
            Note($"about {bytes} bytes of lines wait in the spool for the next run");
        }

        if (options.Stats)
        {
            StreamStatistics.Write(notes, _progress, Stopwatch.GetElapsedTime(_start));
        }

        return exitStatus;
    }

    private async Task<InputFile> OpenAsync(string path)
    {
        for (bool isFirst = true; ; isFirst = false)
        {
            try
            {
                // On another thread: open(2) of a FIFO waits for its writer, and cannot be cancelled.
                return await Task.Run(() => InputFile.Open(path)).WaitAsync(earlyEnd.Token);
            }
            catch (IOException e) when (options.Follow && e.InnerException is FileNotFoundException)
            {
                // Its writer may be about to create it, in the middle of a rotation for instance.
                if (isFirst)
                {
                    Note($"{e.Message}; waiting for it");
                }
            }

            await Task.Delay(timing.PollInterval, timing.Time, earlyEnd.Token);
        }
    }

    private ILineSource OpenSource(InputFile input)
    {
        if (input.IsRereadable)
        {
            if (_folder!.Problem is string problem)
            {
                Note($"no state is kept: {problem}");
            }

            return FileSource.Open(input, options.Follow, options.Terminate, _state.Files, timing, Tell);
        }

        string folder = _folder!.Path ?? throw new IOException($"{input.Name} needs a state directory to wait in (--state DIR): {_folder.Problem}");
        var spool = Spool.Open(Path.Combine(folder, "spool"), options.SpoolLimit, input.Name);
        if (spool.DroppedBytes > 0)
        {
            Tell($"the last run has left {spool.DroppedBytes} bytes of an unfinished line in the spool; they were dropped");
        }

        if (spool.LeftBytes > 0)
        {
            Note($"the last run has left {spool.LeftBytes} bytes in the spool; those that the server lacks are sent first");
        }

        return spool;
    }

    /// <summary>Connects again and again, until all is acknowledged, or trying does not help, or the run is to end.</summary>
    private async Task<StreamEnd> RepeatAsync()
    {
        using var abort = new CancellationTokenSource();
        // Its end waits for a call that runs: that would cancel what is disposed of already, and end the process.
        await using ITimer grace = timing.Time.CreateTimer(_ => abort.Cancel(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        using CancellationTokenRegistration onStop = earlyEnd.Token.Register(
            () => grace.Change(IsPlainFile ? TimeSpan.Zero : timing.StopGrace, Timeout.InfiniteTimeSpan));
        long lastProgress = timing.Time.GetTimestamp();
        while (true)
        {
            long acknowledgedBefore = _progress.Acknowledged;
            StreamEnd end = await ConnectAndSendAsync(abort.Token);
            if (end.Kind != StreamEndKind.Again || earlyEnd.Token.IsCancellationRequested)
            {
                return end;
            }

            bool hasAdvanced = _progress.Acknowledged > acknowledgedBefore;
            if (hasAdvanced)
            {
                _backoff.Reset();
                _outageWasTold = false;
            }

            if (hasAdvanced || IsAllAcknowledged)
            {
                lastProgress = timing.Time.GetTimestamp();
            }

            TimeSpan pause = _backoff.Next(end.RetryAfter);
            if (options.GiveUpAfter >= TimeSpan.Zero && timing.Time.GetElapsedTime(lastProgress) + pause > options.GiveUpAfter)
            {
                return new(StreamEndKind.Final, $"{end.Text}; given up after {Seconds(options.GiveUpAfter)}");
            }

            NoteOutage(end.Text);
            try
            {
                await Task.Delay(pause, timing.Time, earlyEnd.Token);
            }
            catch (OperationCanceledException)
            {
                return end;
            }
        }
    }

    private async Task<StreamEnd> ConnectAndSendAsync(CancellationToken abort)
    {
        (LineStreamClient? client, StreamEnd? failure) = await AttachAsync();
        if (client is null)
        {
            return failure!;
        }

        using (client)
        {
            try
            {
                var resumption = new Resumption(options.Stream!, Source, Cursor, _marks, options.Resend, Tell);
                resumption.Resume(client.Status, _state, earlyEnd.Token);
            }
            catch (StreamProblemException e)
            {
                return new(StreamEndKind.Final, e.Message);
            }
            catch (IOException e)
            {
                return new(StreamEndKind.Final, $"{Source.Name} cannot be read: {e.Message}");
            }
            catch (OperationCanceledException)
            {
                return new(StreamEndKind.Again);
            }

            _progress.IsAttached = true;
            _state = _state with { StoreId = client.Status.StoreId ?? _state.StoreId, Acknowledged = client.Status.Count };
            TakeAcknowledged(client.Status.Count);
            Save();
            var session = new StreamSession(client, Cursor, Source, _progress, timing) { OnAcknowledged = TakeAcknowledged };
            return await session.RunAsync(earlyEnd.Token, abort);
        }
    }

    private async Task<(LineStreamClient? Client, StreamEnd? Failure)> AttachAsync()
    {
        LineClient connection;
        try
        {
            connection = await WithinAsync(options.Timeout, token => LineClient.ConnectAsync(options.Address, token));
        }
        catch (SocketException e)
        {
            string text = $"cannot connect to {options.Address}: {ConnectionError.Describe(e, options.Address)}";
            return (null, new(ConnectionError.IsTemporary(e) ? StreamEndKind.Again : StreamEndKind.Final, text));
        }
        catch (OperationCanceledException)
        {
            return (null, new(StreamEndKind.Again, $"cannot connect to {options.Address}: no answer within {Seconds(options.Timeout)}"));
        }

        _progress.Connections++;
        try
        {
            return (await WithinAsync(timing.SilenceLimit, token => LineStreamClient.AttachAsync(connection, options.Stream!, _token, token)), null);
        }
        catch (LineStreamException e)
        {
            return (null, StreamSession.FromReply(e.Reply));
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            return (null, new(StreamEndKind.Again, e is SocketException lost ? ConnectionError.DescribeLoss(lost) : e.Message));
        }
        catch (OperationCanceledException)
        {
            string text = $"no OK within {Seconds(timing.SilenceLimit)}: is this an endpoint with Acknowledge?";
            return (null, new(StreamEndKind.Again, text));
        }
    }

    private async Task<T> WithinAsync<T>(TimeSpan limit, Func<CancellationToken, Task<T>> action)
    {
        using var time = new CancellationTokenSource(limit, timing.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(time.Token, earlyEnd.Token);
        return await action(either.Token);
    }

    /// <summary>Called for each acknowledgment, by one thread at a time.</summary>
    private void TakeAcknowledged(long lines)
    {
        StreamMark mark = _marks.Acknowledge(lines);
        _progress.Acknowledged = lines;
        _progress.AcknowledgedBytes = mark.Offset;
        _state = _state with { Acknowledged = lines };
        Release(mark);
        if (timing.Time.GetElapsedTime(_lastSave) >= timing.SaveInterval)
        {
            Save();
        }
    }

    private void Release(StreamMark mark)
    {
        try
        {
            Source.Release(mark);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!_releaseFailureWasTold)
            {
                _releaseFailureWasTold = true;
                Tell($"acknowledged lines cannot be removed from the spool: {e.Message}");
            }
        }
    }

    private void Save()
    {
        _lastSave = timing.Time.GetTimestamp();
        try
        {
            // Files of the last run that are not the stream's stay in the state, for the user to put right.
            if (Source is FileSource file && (_progress.IsAttached || _state.Files.Count == 0))
            {
                _state = _state with { Files = file.Records };
            }
        }
        catch (IOException)
        {
            // The file cannot be read any more. Its sender tells that.
        }

        _folder!.Save(_state);
    }

    private async Task<int> ConcludeAsync(StreamEnd end)
    {
        if (end.Kind == StreamEndKind.Again)
        {
            // Only a request to end leaves it at that. Following has no other end.
            EarlyEnd.Cause cause = await earlyEnd.Requested;
            if (!options.Follow || !IsAllAcknowledged)
            {
                Tell($"{cause.Text} ({Counts})");
                return cause.ExitStatus;
            }
        }

        if (end.Kind == StreamEndKind.Final)
        {
            Tell(_progress.IsAttached ? $"{end.Text} ({Counts})" : end.Text);
            return _progress.Connections == 0 ? ExitStatus.NoConnection : ExitStatus.Incomplete;
        }

        return Source.HasProblem ? ExitStatus.Incomplete : ExitStatus.Success;
    }

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture) + " s";

    /// <summary>Tells once for each outage that the client tries again, so that the user does not take it for a hang.</summary>
    private void NoteOutage(string reason)
    {
        if (!_outageWasTold)
        {
            _outageWasTold = true;
            Note($"{reason}; trying again{(_progress.IsAttached ? $" ({Counts})" : "")}");
        }
    }

    private void Note(string message)
    {
        if (!options.Quiet)
        {
            Tell(message);
        }
    }

    private void Tell(string message)
    {
        lock (notes)
        {
            notes.WriteLine($"lineclient: {message}");
        }
    }
}
