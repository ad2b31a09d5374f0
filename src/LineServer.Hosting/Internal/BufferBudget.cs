namespace LineServer.Hosting.Internal;

/// <summary>
/// Limits the bytes that all connections of a server hold while they wait: lines that handlers have not taken,
/// and replies that clients have not read. Beyond the limit, the connections that hold most are closed; the
/// others are served.
/// </summary>
/// <remarks>
/// A connection is charged only when it begins to wait, so one that is being served pays nothing here. By then
/// it has stopped reading: a connection that waits for its client or its handler reads nothing.
/// </remarks>
internal sealed class BufferBudget(long limit)
{
    // Close until an eighth of the limit is free again. Otherwise the next byte would start over.
    private const int RoomDivisor = 8;

    private readonly Lock _gate = new();
    private readonly List<ConnectionTable> _tables = [];
    private long _held;
    private int _isReclaiming;

    /// <summary>The maximum number of bytes.</summary>
    public long Limit => limit;

    /// <summary>The number of bytes held now.</summary>
    public long Held => Volatile.Read(ref _held);

    /// <summary>
    /// Where a connection that asks for more must close itself, because many began to wait at once and closing
    /// lags behind.
    /// </summary>
    private long HardLimit => limit + (limit / 4);

    /// <summary>Adds the connections of an endpoint.</summary>
    public void Add(ConnectionTable table)
    {
        lock (_gate)
        {
            _tables.Add(table);
        }
    }

    /// <summary>Removes an endpoint that has ended.</summary>
    public void Remove(ConnectionTable table)
    {
        lock (_gate)
        {
            _tables.Remove(table);
        }
    }

    /// <summary>Charges a connection for bytes, or gives them back if negative.</summary>
    /// <returns>False if the connection must close itself.</returns>
    public bool Charge(long bytes)
    {
        long held = Interlocked.Add(ref _held, bytes);
        if (bytes <= 0 || held <= limit)
        {
            return true;
        }

        if (Interlocked.Exchange(ref _isReclaiming, 1) == 0)
        {
            // On the thread pool, because this may be an event loop.
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
            // The next charge beyond the limit tries again.
        }
    }

    private void CloseThoseThatHoldMost()
    {
        // Clear it before looking: a charge that this does not see starts another pass.
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
                // A connection that is closing will give its bytes back without our help.
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
