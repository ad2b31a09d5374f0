using System.Globalization;
using System.Net.Sockets;

namespace LineServer.Client;

/// <summary>Opens all connections, a bounded number at a time, before any of them sends a byte.</summary>
internal sealed class Connector(ServerAddress address, TimeSpan timeout, bool retry, TextWriter notes)
{
    /// <summary>The number of concurrent connects; well below a server's usual backlog (512).</summary>
    private const int Simultaneous = 64;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    private int _connected;
    private int _noted;

    /// <summary>The first connection's reason to fail. The others were cancelled because of it.</summary>
    private string? _reason;

    /// <summary>Why not all connections opened; null if they did.</summary>
    public string? Failure { get; private set; }

    /// <summary>
    /// Opens <paramref name="count"/> connections. The first that fails cancels the rest; see
    /// <see cref="Failure"/>.
    /// </summary>
    /// <exception cref="OperationCanceledException">
    /// The run was cancelled before a connection failed.
    /// </exception>
    public async Task<LineClient?[]> ConnectAsync(int count, CancellationToken cancellationToken)
    {
        var clients = new LineClient?[count];
        using var given = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            var options = new ParallelOptions { MaxDegreeOfParallelism = Simultaneous, CancellationToken = given.Token };
            await Parallel.ForEachAsync(Enumerable.Range(0, count), options, async (i, _) =>
            {
                clients[i] = await ConnectOneAsync(given, cancellationToken);
                Interlocked.Increment(ref _connected);
            });
        }
        catch (OperationCanceledException) when (_reason is not null)
        {
            string others = count > 1 ? $" ({_connected} of {count} connections were open)" : "";
            Failure = $"cannot connect to {address}: {_reason}{others}";
        }

        return clients;
    }

    private async Task<LineClient> ConnectOneAsync(CancellationTokenSource given, CancellationToken cancellationToken)
    {
        using var time = CancellationTokenSource.CreateLinkedTokenSource(given.Token);
        time.CancelAfter(timeout);
        string? reason = null;
        TimeSpan pause = FirstPause;
        try
        {
            while (true)
            {
                try
                {
                    return await LineClient.ConnectAsync(address, time.Token);
                }
                catch (SocketException e)
                {
                    reason = ConnectionError.Describe(e, address);

                    // A Unix socket's backlog is full: the server exists, but accepts more slowly than we connect.
                    if (e.SocketErrorCode != SocketError.WouldBlock && !(retry && ConnectionError.IsTemporary(e)))
                    {
                        break;
                    }

                    Note(reason);
                }

                // Jitter, so that thousands of clients refused together do not retry together.
                await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), time.Token);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            string seconds = timeout.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);
            reason = reason is null ? $"no answer within {seconds} s" : $"{reason}, tried for {seconds} s";
        }

        Interlocked.CompareExchange(ref _reason, reason, null);
        await given.CancelAsync();
        throw new OperationCanceledException();
    }

    /// <summary>
    /// Reports once that the client is retrying, so that the user does not take it for a hang.
    /// </summary>
    private void Note(string reason)
    {
        if (retry && Interlocked.Exchange(ref _noted, 1) == 0)
        {
            string seconds = timeout.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);
            notes.WriteLine($"lineclient: {address}: {reason}; retrying for up to {seconds} s");
        }
    }
}
