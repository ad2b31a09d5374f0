using System.Threading.Tasks.Sources;

namespace LineServer.Client;

/// <summary>
/// Holds a connection's sender back while too much is unanswered: lines (<c>--window</c>), or bytes that are kept to be
/// compared with their echo. The sender waits, the receiver opens.
/// </summary>
/// <param name="maxLines">Unanswered lines at most.</param>
/// <param name="maxBytes">
/// Unanswered bytes at most, but only while a complete line is among them: a server may want to see the end of a line, however
/// long, before it answers, and both would wait for ever.
/// </param>
internal sealed class SendGate(long maxLines, long maxBytes) : IValueTaskSource<long>
{
    private readonly Lock _lock = new();

    // Continues inline: a reply lets the next line go out on the receiver's thread, without a hop. The sender comes back as
    // soon as the gate is shut or the socket full, so the receiver is never held up for long.
    private ManualResetValueTaskSourceCore<long> _wait;
    private bool _isWaiting;
    private bool _isEnded;
    private long _unansweredLines;
    private long _unansweredBytes;

    /// <summary>Waits until something may be sent. Returns how many lines: at least one.</summary>
    public ValueTask<long> WaitAsync()
    {
        lock (_lock)
        {
            long allowed = AllowedLines();
            if (allowed > 0)
            {
                return new(allowed);
            }

            _wait.Reset();
            _isWaiting = true;
            return new(this, _wait.Version);
        }
    }

    public void Sending(long lines, long bytes)
    {
        lock (_lock)
        {
            _unansweredLines += lines;
            _unansweredBytes += bytes;
        }
    }

    public void Received(long answeredLines, long bytes)
    {
        lock (_lock)
        {
            _unansweredLines -= answeredLines;
            _unansweredBytes -= bytes;
        }

        OpenIfAllowed();
    }

    /// <summary>Opens for good: no reply will come any more, and the sender must find out.</summary>
    public void End()
    {
        lock (_lock)
        {
            _isEnded = true;
        }

        OpenIfAllowed();
    }

    long IValueTaskSource<long>.GetResult(short token) => _wait.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<long>.GetStatus(short token) => _wait.GetStatus(token);

    void IValueTaskSource<long>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _wait.OnCompleted(continuation, state, token, flags);

    private void OpenIfAllowed()
    {
        long allowed;
        lock (_lock)
        {
            allowed = AllowedLines();
            if (!_isWaiting || allowed <= 0)
            {
                return;
            }

            _isWaiting = false;
        }

        // Outside the lock: the sender continues in this call.
        _wait.SetResult(allowed);
    }

    private long AllowedLines()
    {
        if (_isEnded)
        {
            return long.MaxValue;
        }

        return _unansweredLines > 0 && _unansweredBytes >= maxBytes ? 0 : maxLines - _unansweredLines;
    }
}
