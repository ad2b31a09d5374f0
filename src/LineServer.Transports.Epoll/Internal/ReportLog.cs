using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Reports one kind of event, from any thread. It never waits for the logger, and never passes on its
/// exceptions.
/// </summary>
/// <remarks>
/// A thread-pool worker writes one message at a time, and one per interval. Of the reports that come
/// meanwhile, it keeps the last and counts the others. So a logger that hangs costs one worker, and a client
/// that causes reports costs one log line per interval.
/// </remarks>
internal sealed class ReportLog(ILogger logger, TimeProvider time, TimeSpan interval)
{
    private readonly Lock _gate = new();
    private Report? _next;
    private long _untold; // reports replaced by later ones
    private bool _isWriting;

    /// <summary>Writes the message soon, or counts it.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "What reports a failure cannot fail.")]
    public void Write(LogLevel level, Exception? exception, string message, params object?[] args)
    {
        try
        {
            if (!logger.IsEnabled(level))
            {
                return;
            }

            for (int i = 0; i < args.Length; i++)
            {
                // Convert it here: a connection is enumerable (its features), and a logger would enumerate
                // it.
                args[i] = args[i] is IEventSource source ? source.ToString() : args[i];
            }

            var report = new Report(level, exception, message, args);
            lock (_gate)
            {
                _untold += _next is null ? 0 : 1;
                _next = report;
                if (_isWriting)
                {
                    return;
                }

                _isWriting = true;
            }

            Start();
        }
        catch (Exception)
        {
            // No memory for a report, or IsEnabled threw: there is nowhere left to report it.
        }
    }

    private void Start()
    {
        try
        {
            ThreadPool.UnsafeQueueUserWorkItem(static log => _ = log.WriteAllAsync(), this, preferLocal: false);
        }
        catch (OutOfMemoryException)
        {
            lock (_gate)
            {
                _isWriting = false; // the next report tries again, and counts this one
            }
        }
    }

    private async Task WriteAllAsync()
    {
        while (TryTake(out Report? report, out long untold))
        {
            TryWrite(report, untold);
            await Task.Delay(interval, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private bool TryTake([NotNullWhen(true)] out Report? report, out long untold)
    {
        lock (_gate)
        {
            (report, untold) = (_next, _untold);
            (_next, _untold) = (null, 0);
            _isWriting = report is not null;
            return _isWriting;
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "What reports a failure cannot fail.")]
    [SuppressMessage("Usage", "CA2254", Justification = "The templates are constants of the callers.")]
    private void TryWrite(Report report, long untold)
    {
        try
        {
            logger.Log(report.Level, report.Exception, report.Message, report.Args);
            if (untold > 0)
            {
                logger.Log(report.Level, "{Count} more of this kind since the last", untold);
            }
        }
        catch (Exception)
        {
            // There is nowhere left to report it.
        }
    }

    private sealed record Report(LogLevel Level, Exception? Exception, string Message, object?[] Args);
}
