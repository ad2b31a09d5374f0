using System.Text.Json.Serialization;
using LineServer.Perf.Load;
using LineServer.Perf.Reporting;

namespace LineServer.Perf.Work;

/// <summary>What a server is loaded with.</summary>
/// <param name="Name">Lower case, with dashes.</param>
/// <param name="Kind">What is done.</param>
/// <param name="Connections">How many, at most; for a flood and for slow readers, the others.</param>
/// <param name="Window">Lines in flight for each connection, at most.</param>
/// <param name="LineSize">In bytes, with the LF; of mixed sizes, the smallest.</param>
/// <param name="Rate">Lines a second over all connections, where they leave on a schedule; otherwise 0.</param>
internal sealed record Workload(string Name, WorkloadKind Kind, int Connections, int Window, int LineSize, double Rate = 0)
{
    /// <summary>Of mixed sizes, the largest; otherwise 0.</summary>
    public int MaxLineSize { get; init; }

    /// <summary>What the rate is of the server's own capacity, from 0 to 1; 0 where the rate is a number of lines.</summary>
    public double Load { get; init; }

    /// <summary>Of idle connections: at which numbers the memory is looked at.</summary>
    public IReadOnlyList<int> Steps { get; init; } = [];

    /// <summary>How many connections have the rate, beside the idle ones.</summary>
    public int Active { get; init; }

    /// <summary>Connections that do not read, each with its window, and lines of their own size.</summary>
    public int SlowConnections { get; init; }

    public int SlowWindow { get; init; }

    public int SlowLineSize { get; init; }

    /// <summary>What the server does with lines: "echo" or "discard".</summary>
    public string Handler => Kind == WorkloadKind.Ingest ? "discard" : "echo";

    /// <summary>It says something of a process that has done nothing before: each round has a new one.</summary>
    [JsonIgnore]
    public bool NeedsNewProcess => Kind is WorkloadKind.Idle or WorkloadKind.Scale or WorkloadKind.SlowReaders;

    [JsonIgnore]
    public LineSizes Lines => MaxLineSize > LineSize ? LineSizes.Mixed(LineSize, MaxLineSize) : LineSizes.Same(LineSize);

    [JsonIgnore]
    public string Summary => Kind switch
    {
        WorkloadKind.ClosedLoop => $"{Connections:N0} connections, {Window:N0} in flight each, {LinesText}",
        WorkloadKind.OpenLoop => $"{RateText} lines a second over {Connections:N0} connections, {LinesText}",
        WorkloadKind.Ingest => $"{Connections:N0} connections that send as fast as the server takes it, {LinesText}, no replies",
        WorkloadKind.Idle => $"{string.Join(", ", Steps.Select(step => $"{step:N0}"))} idle connections after one line each: memory" +
            (Active > 0 ? $"; {Quantity.Rate(Rate)} lines a second over {Active:N0} active ones beside them" : ""),
        WorkloadKind.Scale => $"{Connections:N0} connections opened, then {Window:N0} in flight each, {LinesText}",
        WorkloadKind.Churn => $"{Connections:N0} at a time connect, send one line of {LineSize:N0} bytes, get its reply, and close",
        WorkloadKind.SlowReaders => $"{Connections:N0} connections, {Window:N0} in flight each, without and with {SlowConnections:N0} that send up to {SlowWindow:N0} lines of {SlowLineSize:N0} bytes and do not read",
        _ => $"{Quantity.Rate(Rate)} lines a second over {Connections:N0} quiet connections, without and with one that floods",
    };

    private string LinesText => MaxLineSize > LineSize ? $"lines of {LineSize:N0} to {MaxLineSize:N0} bytes" : $"lines of {LineSize:N0} bytes";

    private string RateText => Load > 0 ? $"{Load:0 %} of the server's capacity in" : Quantity.Rate(Rate);
}
