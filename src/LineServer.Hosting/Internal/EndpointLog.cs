using System.Globalization;
using LineServer.Framing;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Everything that an endpoint logs. A logger that throws is contained, and no client can fill the log:
/// messages that a client can cause appear at most once a second. A summary, at most every ten seconds,
/// counts the connections closed by a limit or a fault, by reason, and the suppressed messages.
/// </summary>
internal sealed partial class EndpointLog
{
    private static readonly TimeSpan SummaryInterval = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly string _endpoint;
    private readonly ILogger _logger;
    private readonly ITimer _summaryTimer;
    private readonly BoundedRateLog _refusals;
    private readonly BoundedRateLog _longLines;
    private readonly BoundedRateLog _malformedLines;
    private readonly BoundedRateLog _failures;
    private readonly int[] _closed = new int[Enum.GetValues<CloseReason>().Length];
    private int _unterminatedLines;
    private bool _hasNews; // the timer is running

    public EndpointLog(string endpoint, ILogger logger, TimeProvider time)
    {
        _endpoint = endpoint;
        _logger = new GuardedLogger(logger);
        _refusals = new BoundedRateLog(time);
        _longLines = new BoundedRateLog(time);
        _malformedLines = new BoundedRateLog(time);
        _failures = new BoundedRateLog(time);
        _summaryTimer = time.CreateTimer(
            static log => ((EndpointLog)log!).TellRest(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void ConnectionRefused(object connection, CloseReason reason)
    {
        if (_refusals.TryEnter(out int suppressed))
        {
            LogRefused(_logger, _endpoint, connection, reason, suppressed);
        }

        CountClosed(reason);
    }

    public void LineTooLong(object connection, int maxLineSize, OversizeLine line, OversizeLineBehavior behavior)
    {
        if (_longLines.TryEnter(out int suppressed))
        {
            LogLineTooLong(
                _logger, connection, _endpoint, maxLineSize, line.LengthSeen, LogText.Escape(line.Prefix.Span), behavior, suppressed);
        }
        else
        {
            ScheduleSummary();
        }
    }

    /// <summary>A message had no valid count.</summary>
    public void LineMalformed(object connection, ReadOnlySpan<byte> prefix)
    {
        if (_malformedLines.TryEnter(out int suppressed))
        {
            LogLineMalformed(_logger, connection, _endpoint, LogText.Escape(prefix), suppressed);
        }
        else
        {
            ScheduleSummary();
        }
    }

    /// <summary>Application code threw.</summary>
    /// <param name="exception">The exception.</param>
    /// <param name="connection">The connection that the code served.</param>
    /// <param name="what">The call that threw.</param>
    public void HandlerFailed(Exception exception, object connection, string what)
    {
        if (_failures.TryEnter(out int suppressed))
        {
            LogHandlerFailed(_logger, exception, connection, _endpoint, what, suppressed);
        }
        else
        {
            ScheduleSummary();
        }
    }

    /// <summary>The stream ended within a line or a payload, which was discarded.</summary>
    public void LineUnterminated(object connection)
    {
        LogLineUnterminated(_logger, connection, _endpoint);
        lock (_gate)
        {
            _unterminatedLines++;
        }

        ScheduleSummary();
    }

    public void ConnectionLost(Exception exception, object connection) => LogLost(_logger, exception, connection, _endpoint);

    public void ConnectionEnded(object connection, CloseReason reason)
    {
        LogEnded(_logger, connection, _endpoint, reason);
        if (IsWorthASummary(reason))
        {
            CountClosed(reason);
        }
    }

    public void DrainTimedOut(int connections, TimeSpan? timeout) => LogDrainTimedOut(_logger, _endpoint, connections, timeout);

    /// <summary>A defect of ours, or out of memory. The endpoint continues.</summary>
    public void Fault(Exception exception, string where) => LogFault(_logger, exception, _endpoint, where);

    /// <summary>
    /// Logs counts not reported yet. The timer calls it, and so does the endpoint when it stops.
    /// </summary>
    public void TellRest()
    {
        try
        {
            if (TakeSummary() is { Length: > 0 } summary)
            {
                LogSummary(_logger, _endpoint, summary);
            }
        }
#pragma warning disable CA1031 // On a timer: lack of memory for a message must not end the process.
        catch (Exception)
#pragma warning restore CA1031
        {
            ScheduleSummary();
        }
    }

    // Ordinary ends, and those that only the network is to blame for, are in the metrics only.
    private static bool IsWorthASummary(CloseReason reason) => reason
        is not (CloseReason.None or CloseReason.PeerClosed or CloseReason.PeerReset or CloseReason.HandlerClosed or CloseReason.Drain);

    private void CountClosed(CloseReason reason)
    {
        lock (_gate)
        {
            _closed[(int)reason]++;
        }

        ScheduleSummary();
    }

    private void ScheduleSummary()
    {
        lock (_gate)
        {
            if (!_hasNews)
            {
                _hasNews = true;
                _summaryTimer.Change(SummaryInterval, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private string TakeSummary()
    {
        List<string> parts = [];
        lock (_gate)
        {
            _hasNews = false;
            _summaryTimer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            for (int reason = 0; reason < _closed.Length; reason++)
            {
                Tell(ref _closed[reason], ((CloseReason)reason).ToString());
            }

            Tell(ref _unterminatedLines, _unterminatedLines == 1 ? "unterminated line discarded" : "unterminated lines discarded");
        }

        // The counts by reason include what was suppressed of these.
        _ = _refusals.TakeSuppressed();
        _ = _malformedLines.TakeSuppressed();
        int longLines = _longLines.TakeSuppressed();
        Tell(ref longLines, "more lines were too long");
        int failures = _failures.TakeSuppressed();
        Tell(ref failures, "more failures of the handler");
        return string.Join(", ", parts);

        void Tell(ref int count, string what)
        {
            if (count > 0)
            {
                parts.Add(string.Create(CultureInfo.InvariantCulture, $"{count} {what}"));
                count = 0;
            }
        }
    }

    // Event ids are stable: tools filter by them.
    [LoggerMessage(
        1,
        LogLevel.Warning,
        "{Endpoint}: connection from {Connection} refused: {CloseReason} ({Suppressed} more since the last message)",
        EventName = "ConnectionRefused")]
    private static partial void LogRefused(
        ILogger logger, string endpoint, object connection, CloseReason closeReason, int suppressed);

    [LoggerMessage(
        2,
        LogLevel.Warning,
        "{Connection} on {Endpoint}: a line is longer than {MaxLineSize} bytes "
            + "(at least {LengthSeen}, begins \"{Prefix}\"): {Behavior} ({Suppressed} more since the last message)",
        EventName = "LineTooLong")]
    private static partial void LogLineTooLong(
        ILogger logger,
        object connection,
        string endpoint,
        int maxLineSize,
        long lengthSeen,
        string prefix,
        OversizeLineBehavior behavior,
        int suppressed);

    [LoggerMessage(
        3,
        LogLevel.Error,
        "{Connection} on {Endpoint}: {What} failed; the connection is closed ({Suppressed} more since the last message)",
        EventName = "HandlerFailed")]
    private static partial void LogHandlerFailed(
        ILogger logger, Exception exception, object connection, string endpoint, string what, int suppressed);

    [LoggerMessage(4, LogLevel.Debug, "{Connection} on {Endpoint}: the stream ended within a line, which is discarded", EventName = "LineUnterminated")]
    private static partial void LogLineUnterminated(ILogger logger, object connection, string endpoint);

    [LoggerMessage(5, LogLevel.Debug, "{Connection} on {Endpoint} was lost", EventName = "ConnectionLost")]
    private static partial void LogLost(ILogger logger, Exception exception, object connection, string endpoint);

    [LoggerMessage(6, LogLevel.Debug, "{Connection} on {Endpoint} ended: {CloseReason}", EventName = "ConnectionEnded")]
    private static partial void LogEnded(ILogger logger, object connection, string endpoint, CloseReason closeReason);

    [LoggerMessage(7, LogLevel.Warning, "{Endpoint}: {Count} connections had not ended after {DrainTimeout}; they are aborted", EventName = "DrainTimedOut")]
    private static partial void LogDrainTimedOut(ILogger logger, string endpoint, int count, TimeSpan? drainTimeout);

    [LoggerMessage(8, LogLevel.Information, "{Endpoint}: since the last summary: {Summary}", EventName = "Summary")]
    private static partial void LogSummary(ILogger logger, string endpoint, string summary);

    [LoggerMessage(9, LogLevel.Error, "{Endpoint}: {Where} failed; the endpoint goes on", EventName = "Fault")]
    private static partial void LogFault(ILogger logger, Exception exception, string endpoint, string where);

    [LoggerMessage(
        10,
        LogLevel.Warning,
        "{Connection} on {Endpoint}: a message does not begin with its size and a space, but with \"{Prefix}\"; "
            + "the connection is closed ({Suppressed} more since the last message)",
        EventName = "LineMalformed")]
    private static partial void LogLineMalformed(ILogger logger, object connection, string endpoint, string prefix, int suppressed);
}
