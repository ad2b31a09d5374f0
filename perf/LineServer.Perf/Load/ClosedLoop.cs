using LineServer.Perf.Linux;

namespace LineServer.Perf.Load;

/// <summary>
/// A number of lines in flight for each connection: a reply makes room for the next line. One receive and one send a turn of a connection. Its latencies
/// are a sample: of each connection, one line in flight at a time is timed, from the send it left with to the read its reply came with (with one line in
/// flight that is every line).
/// </summary>
internal sealed class ClosedLoop(ConnectionSet connections, int window)
{
    private const long CancellationCheck = 10_000_000;
    private bool _started;

    /// <summary>From sent, in nanoseconds.</summary>
    public LatencyHistogram Latency { get; } = new();

    /// <summary>Goes on until this time of <see cref="Clock.Now"/>; what is in flight then stays so.</summary>
    public void Run(long until) => Run(until, CancellationToken.None);

    /// <summary>Goes on until this time of <see cref="Clock.Now"/>, or until it is cancelled, which is seen within 10 ms.</summary>
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
        for (long now = Clock.Now; now < until && !cancellation.IsCancellationRequested && !Interruption.IsRequested; now = Clock.Now)
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

    /// <summary>Waits for the replies to what has been sent. It may go on after that.</summary>
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
            // The first line that is sent whole now.
            connection.ProbeEnd = lines.StartOf(lines.LineAt(lines.RoundUp(connection.SentBytes)) + 1);
            connection.ProbeTime = now;
        }

        connections.Send(index);
    }
}
