using System.Diagnostics;

namespace LineServer.Client;

/// <summary>Runs the command: opens the inputs, connects, exchanges, and reports the result.</summary>
internal sealed class Run(RunOptions options, TextWriter notes, EarlyEnd earlyEnd)
{
    /// <summary>
    /// The total size in bytes of the receive buffers of all connections, and also of the send buffers.
    /// Thousands of connections get small buffers; a single one gets a large one.
    /// </summary>
    private const int BufferBudget = 32 * 1024 * 1024;
    private const int MinBufferSize = 4 * 1024;
    private const int MaxBufferSize = 128 * 1024;

    /// <summary>The most bytes of a pipe's input kept for comparison with their echo.</summary>
    private const int MaxUncomparedBytes = 1024 * 1024;

    /// <summary>The number of failures reported one by one; the rest are counted.</summary>
    private const int MaxToldFailures = 10;

    /// <summary>
    /// How long an early end waits for the connections, so that the counts are final. What blocks longer (a
    /// write to standard output that nobody reads) ends with the process.
    /// </summary>
    private static readonly TimeSpan EarlyEndGrace = TimeSpan.FromMilliseconds(500);

    private readonly List<InputFile> _inputs = [];
    private readonly LatencyHistogram? _latencies = options.Stats && options.Replies > 0 ? new() : null;
    private readonly int _bufferSize = Math.Clamp(BufferBudget / options.Connections, MinBufferSize, MaxBufferSize);

    /// <summary>Runs to the end, or to an early end. Returns an <see cref="ExitStatus"/>.</summary>
    public async Task<int> ExecuteAsync()
    {
        string done = "all inputs were open";
        try
        {
            // On another thread: open(2) of a FIFO waits for its writer, and cannot be cancelled.
            if (await Task.Run(OpenInputs).WaitAsync(earlyEnd.Token) is int failed)
            {
                return failed;
            }

            done = "all connections were open";
            return await ConnectAsync() is Connection[] connections ? await ExchangeAsync(connections) : ExitStatus.NoConnection;
        }
        catch (OperationCanceledException)
        {
            EarlyEnd.Cause cause = await earlyEnd.Requested;
            Tell($"{cause.Text} before {done}");
            return cause.ExitStatus;
        }
    }

    /// <summary>Opens all inputs, before any connection. Returns null on success.</summary>
    private int? OpenInputs()
    {
        foreach (string path in options.Files)
        {
            try
            {
                _inputs.Add(InputFile.Open(path));
            }
            catch (IOException e)
            {
                Tell(e.Message);
                return ExitStatus.Incomplete;
            }
        }

        if (_inputs.Find(input => !input.IsRereadable) is { } once && (options.Repeat > 1 || options.Connections > 1))
        {
            Tell($"{(options.Repeat > 1 ? "--repeat" : "--connections")} needs files: {once.Name} can be read only once");
            return ExitStatus.BadOption;
        }

        return null;
    }

    /// <returns>Null if not all connections could be opened.</returns>
    private async Task<Connection[]?> ConnectAsync()
    {
        var connector = new Connector(options.Address, options.Timeout, options.Retry, notes);
        LineClient?[] clients = await connector.ConnectAsync(options.Connections, earlyEnd.Token);
        if (connector.Failure is string failure)
        {
            Array.ForEach(clients, client => client?.Dispose());
            Tell(failure);
            return null;
        }

        return [.. clients.Select((client, i) => new Connection(i + 1, client!, options.Replies))];
    }

    private async Task<int> ExchangeAsync(Connection[] connections)
    {
        using var output = new ReplyOutput(onFailure: () => Array.ForEach(connections, connection => connection.Fail("")));
        using var allDone = new CancellationTokenSource();
        Task watching = new Watchdog(connections, options.Timeout).RunAsync(allDone.Token);
        Task showing = ProgressBar.RunAsync(options, _inputs, connections, allDone.Token);

        long start = Stopwatch.GetTimestamp();
        Task exchanging = Task.WhenAll(connections.Select(connection => Task.Run(() => BuildExchange(connection, output, start).RunAsync())));
        EarlyEnd.Cause? cause = await Task.WhenAny(exchanging, earlyEnd.Requested) == exchanging ? null : await earlyEnd.Requested;
        TimeSpan elapsed = Stopwatch.GetElapsedTime(start);
        if (cause is null)
        {
            await exchanging;
            output.End();
        }
        else
        {
            Array.ForEach(connections, connection => connection.Fail(""));
            await Task.WhenAny(exchanging, Task.Delay(EarlyEndGrace));
        }

        await allDone.CancelAsync();
        await Task.WhenAll(watching, showing);
        return Conclude(connections, output, elapsed, cause);
    }

    private Exchange BuildExchange(Connection connection, ReplyOutput output, long start)
    {
        SendSchedule? schedule = options.Rate is double rate ? new(rate, options.Connections, connection.Number - 1, start) : null;
        SendTimes? times = _latencies is null ? null : new(_latencies, options.Replies!.Value, schedule);
        bool rereadable = _inputs.TrueForAll(input => input.IsRereadable);
        IExpectedBytes? expected = !options.CheckEcho ? null : rereadable ? new RereadBytes(NewReader()) : new QueuedBytes();
        SendGate? gate = options.Window is null && expected is not QueuedBytes
            ? null
            : new(options.Window ?? long.MaxValue, expected is QueuedBytes ? MaxUncomparedBytes : long.MaxValue);

        var check = new ReplyCheck(options.Replies, expected is null ? null : new(expected));
        IReplyCopy copy = options.Quiet || options.Connections == 1
            ? new DirectCopy(options.Quiet ? null : output, _bufferSize)
            : new WholeLineCopy(output, _bufferSize);
        var sender = new LineSender(connection, NewReader(), _bufferSize)
        {
            Gate = gate,
            Schedule = schedule,
            Times = times,
            Expected = expected,
        };
        var receiver = new ReplyReceiver(connection, copy, check) { Gate = gate, Times = times };
        return new(connection, sender, receiver, check);
    }

    private InputReader NewReader() => new(_inputs, options.Repeat, options.Terminate);

    private int Conclude(Connection[] connections, ReplyOutput output, TimeSpan elapsed, EarlyEnd.Cause? cause)
    {
        if (cause is not null)
        {
            long lines = connections.Sum(connection => connection.SentLines);
            long replies = connections.Sum(connection => connection.Replies);
            Tell($"{cause.Text} (lines sent: {lines}, replies: {replies})");
        }

        Connection[] failed = Array.FindAll(connections, connection => connection.Failure is not null);
        if (output.Failure is string failure)
        {
            Tell(failure);
        }

        Connection[] withReason = Array.FindAll(failed, connection => connection.Failure!.Length > 0);
        foreach (Connection connection in withReason.Take(MaxToldFailures))
        {
            string counts = $"lines sent: {connection.SentLines}, replies: {connection.Replies}";
            Tell($"connection {connection.Number}: {connection.Failure} ({counts})");
        }

        if (withReason.Length > MaxToldFailures)
        {
            Tell($"{withReason.Length} of {connections.Length} connections failed; the first {MaxToldFailures} are shown");
        }

        List<InputFile> unterminated = _inputs.FindAll(input => input.IsUnterminated);
        unterminated.ForEach(input =>
            Tell($"{input.Name}: the last line has no LF; it was sent without one (--terminate adds it)"));
        if (options.Stats)
        {
            Summary.Write(notes, connections, elapsed, _latencies);
        }

        return cause?.ExitStatus ?? (failed.Length > 0 || unterminated.Count > 0 ? ExitStatus.Incomplete : ExitStatus.Success);
    }

    private void Tell(string message) => notes.WriteLine($"lineclient: {message}");
}
