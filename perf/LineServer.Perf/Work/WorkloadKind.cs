namespace LineServer.Perf.Work;

/// <summary>What is done, and so what is measured.</summary>
internal enum WorkloadKind
{
    /// <summary>Lines in flight are kept at a number: capacity.</summary>
    ClosedLoop,

    /// <summary>Lines leave on a schedule: latency at a load.</summary>
    OpenLoop,

    /// <summary>Connections are open and silent: memory.</summary>
    Idle,

    /// <summary>Quiet connections on a schedule, without and then with one that sends as fast as it can: fairness.</summary>
    Flood,
}
