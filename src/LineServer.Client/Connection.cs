using System.Net.Sockets;

namespace LineServer.Client;

/// <summary>
/// One connection's state, between its sender and its receiver: what was counted, and how it ended. Each counter is written
/// by one side only. The first failure is the one that is reported.
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

    /// <summary>From 1, as in messages.</summary>
    public int Number => number;

    public LineClient Client => client;

    /// <summary>Lines whose last byte was given to <see cref="LineClient.SendAsync"/>.</summary>
    public long BegunLines => Interlocked.Read(ref _begunLines);

    /// <summary>Lines that the kernel took.</summary>
    public long SentLines => Interlocked.Read(ref _sentLines);

    public long SentBytes => Interlocked.Read(ref _sentBytes);

    public long Replies => Interlocked.Read(ref _replies);

    public long ReceivedBytes => Interlocked.Read(ref _receivedBytes);

    /// <summary>Why not all was sent or answered; null when it was. Empty when the cause is not this connection's.</summary>
    public string? Failure => Volatile.Read(ref _failure);

    /// <summary>Whether nothing more can come from the server, and nothing more should be sent.</summary>
    public bool IsOver => _isOver;

    public bool AllSent => _allSent;

    /// <summary>Ends when <see cref="IsOver"/> becomes true.</summary>
    public Task Over => _over.Task;

    /// <summary>Cancelled when <see cref="IsOver"/> becomes true.</summary>
    public CancellationToken OverToken => _overToken.Token;

    /// <summary>What the server is being waited for; null while it is our turn: an input or standard output is slow, a line is not due.</summary>
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

            return _isSendPending ? "the server takes no more bytes" : _allSent ? "the server does not close the connection" : null;
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

    /// <summary>Half-closes: the server sees the end of the lines and may still answer.</summary>
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

    /// <summary>Nothing more will be received. Wakes a sender that waits for its input, its gate or its schedule.</summary>
    public void End()
    {
        if (!_isOver)
        {
            _isOver = true;
            _overToken.Cancel();
            _over.TrySetResult();
        }
    }

    /// <summary>Ends the connection with a reason. May be called from anywhere, at any time.</summary>
    public void Fail(string reason)
    {
        if (Interlocked.CompareExchange(ref _failure, reason, null) is null)
        {
            client.Dispose();
        }
    }

    /// <summary>Fails with a socket's error, in words that say what it means here.</summary>
    public void Fail(SocketException error) => Fail(error.SocketErrorCode switch
    {
        SocketError.ConnectionReset => "the server reset the connection",
        SocketError.TimedOut => "the server cannot be reached any more",
        _ => $"the connection broke: {error.Message}",
    });

    public void Dispose()
    {
        client.Dispose();
        _overToken.Dispose();
    }
}
