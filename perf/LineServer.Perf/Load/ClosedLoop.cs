using LineServer.Perf.Linux;

namespace LineServer.Perf.Load;

/// <summary>
/// Keeps a fixed number of lines in flight on each connection: a reply makes room for the next line. A
/// connection does one receive and one send per event. Latencies are a sample: on each connection one line at
/// a time is timed, from the send that begins it to the read that has its reply. With one line in flight,
/// that is every line.
/// </summary>
internal sealed class ClosedLoop(ConnectionSet connections, int window)
{
    private const long CancellationCheck = 10_000_000;
    private bool _started;

    /// <summary>Latency from sent, in nanoseconds.</summary>
    public LatencyHistogram Latency { get; } = new();

    /// <summary>Runs until this time of <see cref="Clock.Now"/>. Lines in flight stay in flight.</summary>
    public void Run(long until) => Run(until, CancellationToken.None);

    /// <summary>
    /// Runs until this time of <see cref="Clock.Now"/>, or until it is cancelled, which takes up to 10 ms.
    /// </summary>
    public void Run(long until, CancellationToken cancellation)
    {
        if (!_started)
        {
            _started = true;
            for (int i = 0; i < connections.Count; i++)
            {
                Send(i, Clock.Now);
            }
        }

        long longestWait = cancellation.CanBeCanceled ? CancellationCheck : Interruption.LongestWait;
        for (long now = Clock.Now;
            now < until && !cancellation.IsCancellationRequested && !Interruption.IsRequested;
            now = Clock.Now)
        {
            int ready = connections.Queue.Wait(Math.Min(until - now, longestWait));
            for (int i = 0; i < ready; i++)
            {
                int index = connections.Queue.Connection(i);
                _ = connections.Receive(index, connections.Queue.Events(i));
                Send(index, Clock.Now);
            }
        }
    }

    /// <summary>Waits for the replies to all lines in flight. The loop can run again after that.</summary>
    public void Finish()
    {
        connections.StopSending();
        connections.AwaitReplies(taken: null);
        _started = false;
        for (int i = 0; i < connections.Count; i++)
        {
            connections[i].ProbeEnd = 0;
        }
    }

    private void Send(int index, long now)
    {
        ref Connection connection = ref connections[index];
        if (connection.ProbeEnd != 0 && connection.ReceivedBytes >= connection.ProbeEnd)
        {
            Latency.Record(now - connection.ProbeTime);
            connection.ProbeEnd = 0;
        }

        LineSizes lines = connections.Lines;
        connection.TargetBytes = lines.StartOf(lines.LineAt(connection.ReceivedBytes) + window);
        if (connection.ProbeEnd == 0 && connection.SentBytes < connection.TargetBytes)
        {
            // The first line that this send begins.
            connection.ProbeEnd = lines.StartOf(lines.LineAt(lines.RoundUp(connection.SentBytes)) + 1);
            connection.ProbeTime = now;
        }

        connections.Send(index);
    }
}
