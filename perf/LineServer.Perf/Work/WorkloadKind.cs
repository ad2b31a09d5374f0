namespace LineServer.Perf.Work;

/// <summary>The kind of work, and so of figures.</summary>
internal enum WorkloadKind
{
    /// <summary>A fixed number of lines in flight: capacity.</summary>
    ClosedLoop,

    /// <summary>Lines leave on a schedule: latency under a load.</summary>
    OpenLoop,

    /// <summary>Lines go one way, to a server that discards them: the cost of input.</summary>
    Ingest,

    /// <summary>
    /// More and more connections are open and silent, beside a few active ones: memory and latency.
    /// </summary>
    Idle,

    /// <summary>
    /// Connections are opened, then have a fixed number of lines in flight: the cost to open, hold and use
    /// them.
    /// </summary>
    Scale,

    /// <summary>Connections open, send one line and close: the cost of a connection.</summary>
    Churn,

    /// <summary>Fast connections, without and then with some that send and do not read: fairness.</summary>
    SlowReaders,

    /// <summary>
    /// Quiet connections on a schedule, without and then with one that sends as fast as it can: fairness.
    /// </summary>
    Flood,
}
