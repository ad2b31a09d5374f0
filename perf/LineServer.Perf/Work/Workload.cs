namespace LineServer.Perf.Work;

/// <param name="Name">Lower case, with dashes.</param>
/// <param name="Kind">What is done.</param>
/// <param name="Connections">How many; for a flood, the quiet ones.</param>
/// <param name="Window">Lines in flight for each connection, at most.</param>
/// <param name="LineSize">In bytes, with the LF.</param>
/// <param name="Rate">Lines a second over all connections, where they leave on a schedule; otherwise 0.</param>
internal sealed record Workload(string Name, WorkloadKind Kind, int Connections, int Window, int LineSize, double Rate = 0)
{
    public string Summary => Kind switch
    {
        WorkloadKind.ClosedLoop => $"{Connections:N0} connections, {Window:N0} in flight each, lines of {LineSize:N0} bytes",
        WorkloadKind.OpenLoop => $"{Rate:N0} lines a second over {Connections:N0} connections, lines of {LineSize:N0} bytes",
        WorkloadKind.Idle => $"{Connections:N0} idle connections after one line each: memory",
        _ => $"{Rate:N0} lines a second over {Connections:N0} quiet connections, without and with one that floods",
    };
}
