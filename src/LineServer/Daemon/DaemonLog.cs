using Microsoft.Extensions.Logging;

namespace LineServer.Daemon;

/// <summary>
/// The log messages of the daemon. Filters and alarms depend on event ids: they never change, and are never
/// reused.
/// </summary>
internal static partial class DaemonLog
{
    [LoggerMessage(100, LogLevel.Information, "lineserver {Version} serves: pid {ProcessId}, configuration {File}, transport {Transport}, {Limits}, endpoints {Endpoints}")]
    public static partial void Starts(ILogger logger, string version, int processId, string file, string transport, string limits, string endpoints);

    [LoggerMessage(101, LogLevel.Information, "endpoint {Name} accepts on {Address} (handler {Handler})")]
    public static partial void Accepts(ILogger logger, string name, string address, string handler);

    [LoggerMessage(102, LogLevel.Information, "draining")]
    public static partial void Draining(ILogger logger);

    [LoggerMessage(103, LogLevel.Information, "stopped")]
    public static partial void Stopped(ILogger logger);

    [LoggerMessage(104, LogLevel.Warning, "a second {Signal}: connections that are still open are aborted")]
    public static partial void Aborting(ILogger logger, string signal);

    [LoggerMessage(105, LogLevel.Information, "{What}")]
    public static partial void SignalIgnored(ILogger logger, string what);

    [LoggerMessage(106, LogLevel.Information, "a signal ended the start")]
    public static partial void StartEnded(ILogger logger);

    [LoggerMessage(107, LogLevel.Error, "the stop failed")]
    public static partial void StopFailed(ILogger logger, Exception exception);

    [LoggerMessage(108, LogLevel.Critical, "the stop did not end after {Bound}: the process ends")]
    public static partial void StopHangs(ILogger logger, TimeSpan bound);

    [LoggerMessage(109, LogLevel.Warning, "systemd could not be told {Message}: NOTIFY_SOCKET={Path}: {Problem}")]
    public static partial void NotNotified(ILogger logger, string message, string path, string problem);

    [LoggerMessage(110, LogLevel.Critical, "standard output is not read: {Count} bytes were not written")]
    public static partial void OutputNotRead(ILogger logger, long count);

    [LoggerMessage(111, LogLevel.Critical, "standard output cannot be written: {Problem}; the server stops")]
    public static partial void OutputFailed(ILogger logger, string problem);

    [LoggerMessage(112, LogLevel.Information, "store {Name} {Id} is open: {Directory}, {Durability}, {Recovered} lines recovered")]
    public static partial void StoreOpened(ILogger logger, string name, string id, string directory, Storage.Durability durability, long recovered);

    [LoggerMessage(118, LogLevel.Error, "store {Name}: partitions could not be made or dropped, which is tried again in an hour: {Problem}")]
    public static partial void PartitionsFailed(ILogger logger, string name, string problem);

    [LoggerMessage(117, LogLevel.Information, "store {Name} {Id} is in PostgreSQL: {Database}, {Durability}")]
    public static partial void EngineOpened(ILogger logger, string name, string id, string database, Storage.Durability durability);

    [LoggerMessage(113, LogLevel.Error, "store {Name} has failed: {Problem}; clients are refused until it is recovered")]
    public static partial void StoreFailed(ILogger logger, string name, string problem);

    [LoggerMessage(114, LogLevel.Warning, "store {Name} is recovered, and takes lines again")]
    public static partial void StoreRecovered(ILogger logger, string name);

    [LoggerMessage(115, LogLevel.Warning, "endpoint {Endpoint} refused {Connection}: {Problem} ({Since} more since the last of these lines)")]
    public static partial void OpeningRefused(ILogger logger, string endpoint, Hosting.LineConnection connection, string problem, int since);

    [LoggerMessage(116, LogLevel.Error, "store {Name}: old segments could not be removed or compressed, which is tried again: {Problem}")]
    public static partial void KeepingFailed(ILogger logger, string name, string problem);
}
