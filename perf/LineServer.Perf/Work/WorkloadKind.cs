namespace LineServer.Perf.Work;

/// <summary>What is done, and so what is measured.</summary>
internal enum WorkloadKind
{
    /// <summary>Lines in flight are kept at a number: capacity.</summary>
    ClosedLoop,

    /// <summary>Lines leave on a schedule: latency at a load.</summary>
    OpenLoop,

    /// <summary>Lines go one way, to a server that discards them: what taking them costs.</summary>
    Ingest,

    /// <summary>Connections are open and silent, more and more of them; a few among them are active: memory, and latency.</summary>
    Idle,

    /// <summary>Connections are opened, and then lines in flight are kept at a number: what each costs to make, to hold and to use.</summary>
    Scale,

    /// <summary>Connections come, send one line, and go: what a connection costs.</summary>
    Churn,

    /// <summary>Fast connections, without and then with some that send and do not read: fairness.</summary>
    SlowReaders,

    /// <summary>Quiet connections on a schedule, without and then with one that sends as fast as it can: fairness.</summary>
    Flood,
}
