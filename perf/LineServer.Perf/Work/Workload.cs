using System.Text.Json.Serialization;
using LineServer.Perf.Load;
using LineServer.Perf.Reporting;

namespace LineServer.Perf.Work;

/// <summary>The load that is put on a server.</summary>
/// <param name="Name">Lower-case letters, digits and dashes.</param>
/// <param name="Kind">The kind of work.</param>
/// <param name="Connections">
/// The largest number of connections; for a flood and for slow readers, of the others.
/// </param>
/// <param name="Window">The largest number of lines in flight per connection.</param>
/// <param name="LineSize">Bytes per line, with LF; with mixed sizes, the smallest.</param>
/// <param name="Rate">Lines per second over all connections, if there is a schedule; otherwise 0.</param>
internal sealed record Workload(
    string Name, WorkloadKind Kind, int Connections, int Window, int LineSize, double Rate = 0)
{
    /// <summary>With mixed sizes, the largest; otherwise 0.</summary>
    public int MaxLineSize { get; init; }

    /// <summary>
    /// The rate as a part of the server's own capacity, from 0 to 1; 0 if the rate is absolute.
    /// </summary>
    public double Load { get; init; }

    /// <summary>For idle connections: the numbers at which memory is read.</summary>
    public IReadOnlyList<int> Steps { get; init; } = [];

    /// <summary>For idle connections: the number of active ones beside them, which share the rate.</summary>
    public int Active { get; init; }

    /// <summary>
    /// For slow readers: the number of connections that do not read. They have a window and a line size of
    /// their own.
    /// </summary>
    public int SlowConnections { get; init; }

    public int SlowWindow { get; init; }

    public int SlowLineSize { get; init; }

    /// <summary>The handler that the server is started with: one of <see cref="ServerHandler"/>.</summary>
    public string Handler { get; init; } =
        Kind == WorkloadKind.Ingest ? ServerHandler.Discard : ServerHandler.Echo;

    /// <summary>
    /// The largest number of lines of a connection that the server handles at once. It replies in the order of
    /// the lines all the same.
    /// </summary>
    public int ConcurrentLines { get; init; } = 1;

    /// <summary>
    /// True if the workload runs only where it is named. Few servers have a handler that awaits; all others
    /// would be absent from its table.
    /// </summary>
    [JsonIgnore]
    public bool RunsOnlyByName => Handler is not (ServerHandler.Echo or ServerHandler.Discard);

    /// <summary>
    /// True if each round needs a new process, because earlier work would change the result.
    /// </summary>
    [JsonIgnore]
    public bool NeedsNewProcess => Kind is WorkloadKind.Idle or WorkloadKind.Scale or WorkloadKind.SlowReaders;

    [JsonIgnore]
    public LineSizes Lines =>
        MaxLineSize > LineSize ? LineSizes.Mixed(LineSize, MaxLineSize) : LineSizes.Same(LineSize);

    [JsonIgnore]
    public string Summary => Kind switch
    {
        WorkloadKind.ClosedLoop => $"{Connections:N0} connections, {Window:N0} in flight each, {LinesText}{HandlerText}",
        WorkloadKind.OpenLoop => $"{RateText} lines a second over {Connections:N0} connections, {LinesText}",
        WorkloadKind.Ingest =>
            $"{Connections:N0} connections that send as fast as the server takes it, {LinesText}, no replies",
        WorkloadKind.Idle =>
            $"{string.Join(", ", Steps.Select(step => $"{step:N0}"))} idle connections after one line each: memory" +
            (Active > 0 ? $"; {Quantity.Rate(Rate)} lines a second over {Active:N0} active ones beside them" : ""),
        WorkloadKind.Scale => $"{Connections:N0} connections opened, then {Window:N0} in flight each, {LinesText}",
        WorkloadKind.Churn =>
            $"{Connections:N0} at a time connect, send one line of {LineSize:N0} bytes, get its reply, and close",
        WorkloadKind.SlowReaders =>
            $"{Connections:N0} connections, {Window:N0} in flight each, " +
            $"without and with {SlowConnections:N0} that send up to {SlowWindow:N0} lines of {SlowLineSize:N0} " +
            "bytes and do not read",
        _ =>
            $"{Quantity.Rate(Rate)} lines a second over {Connections:N0} quiet connections, " +
            "without and with one that floods",
    };

    private string LinesText =>
        MaxLineSize > LineSize ? $"lines of {LineSize:N0} to {MaxLineSize:N0} bytes" : $"lines of {LineSize:N0} bytes";

    private string HandlerText =>
        (Handler == ServerHandler.Echo ? "" : $", handler {Handler}") +
        (ConcurrentLines == 1 ? "" : $", {ConcurrentLines:N0} lines of a connection at once");

    private string RateText => Load > 0 ? $"{Load:0 %} of the server's capacity in" : Quantity.Rate(Rate);
}
