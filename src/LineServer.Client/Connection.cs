using System.Net.Sockets;

namespace LineServer.Client;

/// <summary>
/// The state of one connection that its sender and its receiver share: the counts, and how it ended. Only one
/// side writes each counter. The first failure is the one reported.
/// </summary>
internal sealed class Connection(int number, LineClient client, int? repliesPerLine) : IDisposable
{
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _overToken = new();
    private string? _failure;
    private long _begunLines;
    private long _sentLines;
    private long _sentBytes;
    private long _replies;
    private long _receivedBytes;
    private volatile bool _isSendPending;
    private volatile bool _isCopying;
    private volatile bool _allSent;
    private volatile bool _isOver;

    /// <summary>The connection's number in messages, from 1.</summary>
    public int Number => number;

    public LineClient Client => client;

    /// <summary>
    /// The number of lines whose last byte was passed to <see cref="LineClient.SendAsync"/>.
    /// </summary>
    public long BegunLines => Interlocked.Read(ref _begunLines);

    /// <summary>The number of lines whose send has completed.</summary>
    public long SentLines => Interlocked.Read(ref _sentLines);

    public long SentBytes => Interlocked.Read(ref _sentBytes);

    public long Replies => Interlocked.Read(ref _replies);

    public long ReceivedBytes => Interlocked.Read(ref _receivedBytes);

    /// <summary>
    /// Why not everything was sent or answered; null if everything was. Empty if the cause is not this
    /// connection.
    /// </summary>
    public string? Failure => Volatile.Read(ref _failure);

    /// <summary>True once nothing more will be received, so nothing more should be sent.</summary>
    public bool IsOver => _isOver;

    public bool AllSent => _allSent;

    /// <summary>Completes when <see cref="IsOver"/> becomes true.</summary>
    public Task Over => _over.Task;

    /// <summary>Cancelled when <see cref="IsOver"/> becomes true.</summary>
    public CancellationToken OverToken => _overToken.Token;

    /// <summary>
    /// What the connection waits for the server to do. Null while it does not wait for the server: an input
    /// or standard output is slow, or no line is due.
    /// </summary>
    public string? WaitingFor
    {
        get
        {
            if (_isOver || _isCopying)
            {
                return null;
            }

            if (BegunLines * (repliesPerLine ?? 0) > Replies)
            {
                return $"line {(Replies / repliesPerLine!.Value) + 1}: no reply";
            }

            return _isSendPending ? "the server does not read"
                : _allSent ? "the server does not close the connection"
                : null;
        }
    }

    public void SendBegins(long lines)
    {
        Interlocked.Add(ref _begunLines, lines);
        _isSendPending = true;
    }

    public void SendEnded(long lines, long bytes)
    {
        _isSendPending = false;
        Interlocked.Add(ref _sentLines, lines);
        Interlocked.Add(ref _sentBytes, bytes);
    }

    /// <summary>Half-closes: the server sees the end of the lines, and may still reply.</summary>
    public void CompleteSending()
    {
        client.CompleteSending();
        _allSent = true;
    }

    public void Received(long replies, long bytes)
    {
        Interlocked.Exchange(ref _replies, replies);
        Interlocked.Add(ref _receivedBytes, bytes);
    }

    public void CopyBegins() => _isCopying = true;

    public void CopyEnded() => _isCopying = false;

    /// <summary>
    /// Called when nothing more will be received. Wakes a sender that waits for its input, its gate or its
    /// schedule.
    /// </summary>
    public void End()
    {
        if (!_isOver)
        {
            _isOver = true;
            _overToken.Cancel();
            _over.TrySetResult();
        }
    }

    /// <summary>Ends the connection with a reason. Thread-safe.</summary>
    public void Fail(string reason)
    {
        if (Interlocked.CompareExchange(ref _failure, reason, null) is null)
        {
            client.Dispose();
        }
    }

    /// <summary>Fails with a socket error, described by what it means for the user.</summary>
    public void Fail(SocketException error) => Fail(ConnectionError.DescribeLoss(error));

    public void Dispose()
    {
        client.Dispose();
        _overToken.Dispose();
    }
}
