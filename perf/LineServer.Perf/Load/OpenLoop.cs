using LineServer.Perf.Linux;

namespace LineServer.Perf.Load;

/// <summary>
/// Sends lines at a fixed rate, on a schedule that waits for nobody: line k is due k intervals after the
/// start, on connection k modulo their number. A line that cannot leave when it is due (its connection has
/// its window in flight, or this thread was busy) leaves as soon as possible. Every line is timed twice: from
/// due and from sent.
/// </summary>
internal sealed class OpenLoop
{
    /// <summary>
    /// A line that leaves later than this after it was due counts as late. Less is the time of this thread's
    /// own iteration.
    /// </summary>
    private const long LateAfter = 1_000_000;

    private readonly ConnectionSet _connections;
    private readonly int _window;
    private readonly double _interval;
    private readonly long[] _sentTimes; // a ring per connection, of the size of the window
    private readonly long _firstLine;   // per connection: the lines before the schedule
    private long _start;
    private long _stopped;
    private long _due;                  // lines of the schedule that are due by now

    /// <param name="connections">Open connections.</param>
    /// <param name="window">The largest number of lines in flight per connection.</param>
    /// <param name="rate">Lines per second over all connections.</param>
    public OpenLoop(ConnectionSet connections, int window, double rate)
    {
        (_connections, _window, _interval) = (connections, window, 1e9 / rate);
        _sentTimes = new long[connections.Count * window];
        _firstLine = connections.Lines.LineAt(connections[0].SentBytes);
    }

    /// <summary>Latency from due, in nanoseconds.</summary>
    public LatencyHistogram FromDue { get; } = new();

    /// <summary>Latency from sent, in nanoseconds.</summary>
    public LatencyHistogram FromSent { get; } = new();

    public long LateLines { get; private set; }

    /// <summary>
    /// Runs until this time of <see cref="Clock.Now"/>. Between two calls the schedule stands still.
    /// </summary>
    public void Run(long until)
    {
        long now = Clock.Now;
        _start = _start == 0 ? now : _start + now - _stopped;
        for (; now < until && !Interruption.IsRequested; now = Clock.Now)
        {
            // Up to a time that was read before: otherwise a rate too high for this thread would keep it from
            // reading.
            while (DueTime(_due) <= now)
            {
                int index = (int)(_due++ % _connections.Count);
                SendDue(index, Clock.Now);
            }

            int ready = _connections.Queue.Wait(
                Math.Min(Math.Min(until, DueTime(_due)) - Clock.Now, Interruption.LongestWait));
            for (int i = 0; i < ready; i++)
            {
                Take(_connections.Queue.Connection(i), _connections.Queue.Events(i));
            }
        }

        _stopped = now;
    }

    /// <summary>Clears the latencies and late lines of the warm-up.</summary>
    public void ClearCounts()
    {
        FromDue.Clear();
        FromSent.Clear();
        LateLines = 0;
    }

    /// <summary>
    /// Sends the lines that are due but could not leave yet, and waits for all replies. Their latencies
    /// count.
    /// </summary>
    public void Finish()
    {
        long[] counted = new long[_connections.Count];
        for (int i = 0; i < counted.Length; i++)
        {
            counted[i] = _connections[i].ReceivedBytes;
        }

        _connections.AwaitReplies(index =>
        {
            long now = Clock.Now;
            Record(index, counted[index], now);
            counted[index] = _connections[index].ReceivedBytes;
            SendDue(index, now);
        });
    }

    private long DueTime(long line) => _start + (long)(line * _interval);

    private void Take(int index, uint events)
    {
        long before = _connections[index].ReceivedBytes;
        _ = _connections.Receive(index, events);
        long now = Clock.Now;
        Record(index, before, now);
        SendDue(index, now);
    }

    private void Record(int index, long before, long now)
    {
        LineSizes lines = _connections.Lines;
        long last = lines.LineAt(_connections[index].ReceivedBytes);
        for (long line = lines.LineAt(before); line < last; line++)
        {
            FromSent.Record(now - _sentTimes[(index * _window) + (line % _window)]);
            FromDue.Record(now - DueTime(Scheduled(index, line)));
        }
    }

    private void SendDue(int index, long now)
    {
        ref Connection connection = ref _connections[index];
        LineSizes lines = _connections.Lines;
        long dueHere = _firstLine + ((_due - index + _connections.Count - 1) / _connections.Count);
        long target = Math.Min(lines.LineAt(connection.ReceivedBytes) + _window, dueHere);
        for (long line = lines.LineAt(connection.TargetBytes); line < target; line++)
        {
            _sentTimes[(index * _window) + (line % _window)] = now;
            LateLines += now - DueTime(Scheduled(index, line)) > LateAfter ? 1 : 0;
        }

        connection.TargetBytes = Math.Max(connection.TargetBytes, lines.StartOf(target));
        _connections.Send(index);
    }

    // The place of a connection's line in the schedule.
    private long Scheduled(int index, long line) => ((line - _firstLine) * _connections.Count) + index;
}
