using System.Threading.Tasks.Sources;

namespace LineServer.Client;

/// <summary>
/// Holds a connection's sender back while too much is unanswered: lines (<c>--window</c>), or bytes kept for
/// comparison with their echo. The sender waits; the receiver opens the gate.
/// </summary>
/// <param name="maxLines">The most unanswered lines.</param>
/// <param name="maxBytes">
/// The most unanswered bytes, but only while they include a complete line. A server may answer only a
/// complete line, however long it is; otherwise both sides would wait for ever.
/// </param>
internal sealed class SendGate(long maxLines, long maxBytes) : IValueTaskSource<long>
{
    private readonly Lock _lock = new();

    // Continue inline: a reply lets the next line go out on the receiver's thread, without a hop. The sender
    // returns as soon as the gate closes or the socket is full, so the receiver is not delayed for long.
    private ManualResetValueTaskSourceCore<long> _wait;
    private bool _isWaiting;
    private bool _isEnded;
    private long _unansweredLines;
    private long _unansweredBytes;

    /// <summary>
    /// Waits until something may be sent. Returns the number of lines allowed, at least one.
    /// </summary>
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

    /// <summary>
    /// Opens the gate for good: no reply will arrive anymore, and the sender must find out.
    /// </summary>
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

    void IValueTaskSource<long>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
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

        // Outside the lock, because the sender continues within this call.
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
