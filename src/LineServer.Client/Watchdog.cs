using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace LineServer.Client;

/// <summary>
/// Fails a connection that waits for the server while no byte moves in either direction for the timeout.
/// </summary>
internal sealed class Watchdog(IReadOnlyList<Connection> connections, TimeSpan timeout)
{
    private readonly Sight[] _lastMoves = new Sight[connections.Count];

    /// <summary>Watches the connections until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var period = TimeSpan.FromMilliseconds(Math.Clamp(timeout.TotalMilliseconds / 10, 5, 1000));
        using var timer = new PeriodicTimer(period);
        try
        {
            do
            {
                Look(Stopwatch.GetTimestamp());
            }
            while (await timer.WaitForNextTickAsync(cancellationToken));
        }
        catch (OperationCanceledException)
        {
            // All connections have ended.
        }
    }

    /// <summary>Checks every connection once, at a <see cref="Stopwatch"/> timestamp.</summary>
    public void Look(long now)
    {
        for (int i = 0; i < _lastMoves.Length; i++)
        {
            Look(connections[i], ref _lastMoves[i], now);
        }
    }

    private void Look(Connection connection, ref Sight lastMove, long now)
    {
        string? waitingFor = connection.WaitingFor;
        long bytes = connection.SentBytes + connection.ReceivedBytes;

        // A pending send makes progress while the server's kernel takes some of its bytes: a slow server is
        // not a dead one.
        int unsent = waitingFor is null ? 0 : connection.Client.UnsentBytes;
        if (waitingFor is null || lastMove.Timestamp == 0 || bytes != lastMove.Bytes || unsent != lastMove.Unsent)
        {
            lastMove = new(now, bytes, unsent);
        }
        else if (Stopwatch.GetElapsedTime(lastMove.Timestamp, now) >= timeout)
        {
            string seconds = timeout.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);
            connection.Fail($"{waitingFor}; nothing moved for {seconds} s");
        }
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Sight(long Timestamp, long Bytes, int Unsent);
}
