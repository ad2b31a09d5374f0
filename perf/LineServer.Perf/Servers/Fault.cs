namespace LineServer.Perf.Servers;

/// <summary>The faults that <see cref="WrongServer"/> can have.</summary>
internal enum Fault
{
    /// <summary>A line gets no reply.</summary>
    Drop,

    /// <summary>Two lines of a connection are answered in the wrong order.</summary>
    Swap,

    /// <summary>One bit of a reply is flipped.</summary>
    Flip,
}
