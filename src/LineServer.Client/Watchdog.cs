using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace LineServer.Client;

/// <summary>Fails connections that wait for the server while nothing moves, in either direction, for the length of a timeout.</summary>
internal sealed class Watchdog(IReadOnlyList<Connection> connections, TimeSpan timeout)
{
    private readonly Sight[] _lastMoves = new Sight[connections.Count];

    /// <summary>Looks after the connections until it is cancelled.</summary>
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

    /// <summary>Looks at every connection once, at a <see cref="Stopwatch"/> timestamp.</summary>
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

        // A send that is pending moves too, while the server's kernel takes some of it: a slow server is not a dead one.
        int unsent = waitingFor is null ? 0 : connection.Client.UnsentBytes;
        if (waitingFor is null || lastMove.Timestamp == 0 || bytes != lastMove.Bytes || unsent != lastMove.Unsent)
        {
            lastMove = new(now, bytes, unsent);
        }
        else if (Stopwatch.GetElapsedTime(lastMove.Timestamp, now) >= timeout)
        {
            connection.Fail(string.Create(CultureInfo.InvariantCulture, $"{waitingFor}; nothing moved for {timeout.TotalSeconds:0.###} s"));
        }
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Sight(long Timestamp, long Bytes, int Unsent);
}
