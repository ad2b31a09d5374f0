namespace LineServer.Hosting.Internal;

/// <summary>
/// The bytes that all connections of a server hold while they wait: lines that their handlers have not taken, replies that their clients
/// have not read. Beyond the limit the connections that hold most are closed, and the others are served.
/// </summary>
/// <remarks>
/// A connection is charged when it begins to wait, and no sooner: one that is served and read from costs nothing here. Those that hold
/// most have stopped reading by then, since a connection that waits for its client or its handler reads nothing.
/// </remarks>
internal sealed class BufferBudget(long limit)
{
    // Room that has to be there again before the closing ends, so that it does not begin anew with the next byte.
    private const int RoomDivisor = 8;

    private readonly Lock _gate = new();
    private readonly List<ConnectionTable> _tables = [];
    private long _held;
    private int _isReclaiming;

    /// <summary>The most bytes.</summary>
    public long Limit => limit;

    /// <summary>Bytes held now.</summary>
    public long Held => Volatile.Read(ref _held);

    /// <summary>What a single connection may still take when the closing lags behind: many begin to wait within a moment.</summary>
    private long HardLimit => limit + (limit / 4);

    /// <summary>An endpoint's connections count from now on.</summary>
    public void Add(ConnectionTable table)
    {
        lock (_gate)
        {
            _tables.Add(table);
        }
    }

    /// <summary>An endpoint has ended.</summary>
    public void Remove(ConnectionTable table)
    {
        lock (_gate)
        {
            _tables.Remove(table);
        }
    }

    /// <summary>A connection holds so many bytes more, or fewer.</summary>
    /// <returns>False: it is one too many, and closes itself.</returns>
    public bool Charge(long bytes)
    {
        long held = Interlocked.Add(ref _held, bytes);
        if (bytes <= 0 || held <= limit)
        {
            return true;
        }

        if (Interlocked.Exchange(ref _isReclaiming, 1) == 0)
        {
            // Elsewhere: this may be an event loop.
            ThreadPool.UnsafeQueueUserWorkItem(static budget => budget.Reclaim(), this, preferLocal: false);
        }

        return held <= HardLimit;
    }

    private void Reclaim()
    {
        try
        {
            CloseThoseThatHoldMost();
        }
        catch (OutOfMemoryException)
        {
            // On the thread pool it would end the process. Whoever is charged next beyond the limit has it tried again.
        }
    }

    private void CloseThoseThatHoldMost()
    {
        // Before the look: who comes over the limit after it asks again.
        Volatile.Write(ref _isReclaiming, 0);
        Interlocked.MemoryBarrier();
        ConnectionTable[] tables;
        lock (_gate)
        {
            tables = [.. _tables];
        }

        var holders = new List<(long Held, ConnectionLoop Connection)>();
        long held = 0;
        foreach (ConnectionTable table in tables)
        {
            foreach (ConnectionLoop connection in table.All())
            {
                // What is being closed gives its bytes back by itself.
                if (connection.HeldBytes is > 0 and var bytes && connection.CloseReason == CloseReason.None)
                {
                    holders.Add((bytes, connection));
                    held += bytes;
                }
            }
        }

        holders.Sort(static (one, other) => other.Held.CompareTo(one.Held));
        foreach ((long bytes, ConnectionLoop connection) in holders)
        {
            if (held <= limit - (limit / RoomDivisor))
            {
                return;
            }

            connection.Abort(CloseReason.BufferLimit);
            held -= bytes;
        }
    }
}
