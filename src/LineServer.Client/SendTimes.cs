using System.Diagnostics;
using System.Runtime.InteropServices;

namespace LineServer.Client;

/// <summary>
/// Remembers when each unanswered line was sent, to measure how long its replies take. The lines of one send
/// share one time. With a schedule nothing is remembered: a line counts from the time when it was due.
/// </summary>
internal sealed class SendTimes(LatencyHistogram latencies, int repliesPerLine, SendSchedule? schedule)
{
    /// <summary>
    /// The most sends remembered. Beyond it, lines get the time of an earlier send, so a latency is too long,
    /// never too short.
    /// </summary>
    private const int MaxRemembered = 4096;

    private readonly Lock _lock = new();
    private readonly Queue<Send> _earlier = new();
    private Send _newest;
    private long _replies;

    /// <summary>Called before bytes that complete lines are sent.</summary>
    public void Sending(long lines, long timestamp)
    {
        if (lines == 0 || schedule is not null)
        {
            return;
        }

        lock (_lock)
        {
            long throughLine = _newest.ThroughLine + lines;
            if (_earlier.Count >= MaxRemembered)
            {
                _newest = _newest with { ThroughLine = throughLine };
                return;
            }

            if (_newest.ThroughLine > 0)
            {
                _earlier.Enqueue(_newest);
            }

            _newest = new(throughLine, timestamp);
        }
    }

    /// <summary>Called with the number of replies received since the start, and the time.</summary>
    public void Received(long replies, long timestamp)
    {
        if (schedule is not null)
        {
            for (; _replies < replies; _replies++)
            {
                Record(schedule.DueAt(_replies / repliesPerLine), timestamp, 1);
            }

            return;
        }

        lock (_lock)
        {
            while (_replies < replies)
            {
                Send send = _earlier.Count > 0 ? _earlier.Peek() : _newest;
                long ofThisSend = Math.Min(replies, send.ThroughLine * repliesPerLine) - _replies;
                if (ofThisSend > 0)
                {
                    Record(send.Timestamp, timestamp, ofThisSend);
                    _replies += ofThisSend;
                }
                else if (!_earlier.TryDequeue(out _))
                {
                    return; // more replies than expected: ReplyCheck reports it
                }
            }
        }
    }

    private void Record(long from, long to, long times) =>
        latencies.Record((long)((to - from) * (1e9 / Stopwatch.Frequency)), times);

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Send(long ThroughLine, long Timestamp);
}
