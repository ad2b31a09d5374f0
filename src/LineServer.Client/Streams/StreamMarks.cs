using System.Diagnostics;

namespace LineServer.Client.Streams;

/// <summary>
/// Remembers places of what was sent and is not acknowledged, so that a new connection goes on near the server's
/// count and need not read the file from its start. The sender adds, the receiver removes.
/// </summary>
internal sealed class StreamMarks
{
    /// <summary>
    /// The most marks before the newest. Beyond them only the newest is kept: a new connection then reads further, and
    /// finds its place all the same.
    /// </summary>
    private const int MaxEarlier = 1024;

    private readonly Lock _lock = new();
    private readonly Queue<StreamMark> _earlier = new();
    private StreamMark _oldest;
    private StreamMark _newest;

    /// <summary>The last mark whose lines are all durable.</summary>
    public StreamMark Oldest
    {
        get
        {
            lock (_lock)
            {
                return _oldest;
            }
        }
    }

    /// <summary>Forgets all marks but one, whose lines are durable.</summary>
    public void Reset(StreamMark mark)
    {
        lock (_lock)
        {
            _oldest = _newest = mark;
            _earlier.Clear();
        }
    }

    public void Add(StreamMark mark)
    {
        lock (_lock)
        {
            Debug.Assert(mark.Lines >= _newest.Lines, "marks are added in the order of lines");
            if (_earlier.Count < MaxEarlier && _newest.Lines > _oldest.Lines)
            {
                _earlier.Enqueue(_newest);
            }

            _newest = mark;
        }
    }

    /// <summary>Takes note that so many lines of the stream are durable. Returns <see cref="Oldest"/>.</summary>
    public StreamMark Acknowledge(long lines)
    {
        lock (_lock)
        {
            while (_earlier.TryPeek(out StreamMark next) && next.Lines <= lines)
            {
                _oldest = _earlier.Dequeue();
            }

            if (_newest.Lines <= lines)
            {
                _oldest = _newest;
            }

            return _oldest;
        }
    }
}
