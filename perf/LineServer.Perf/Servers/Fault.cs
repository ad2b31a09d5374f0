namespace LineServer.Perf.Servers;

/// <summary>What <see cref="WrongServer"/> does wrong.</summary>
internal enum Fault
{
    /// <summary>A line gets no reply.</summary>
    Drop,

    /// <summary>Two lines of a connection are answered in the wrong order.</summary>
    Swap,

    /// <summary>A bit of a line is another.</summary>
    Flip,
}
