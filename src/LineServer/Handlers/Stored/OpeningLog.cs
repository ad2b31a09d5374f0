using LineServer.Daemon;
using LineServer.Hosting;
using Microsoft.Extensions.Logging;

namespace LineServer.Handlers.Stored;

/// <summary>Tells of refused openings: one a second at most, with the number of those in between.</summary>
internal sealed class OpeningLog(ILogger logger, string endpoint, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private long? _last;
    private int _since;

    public void Refused(LineConnection connection, string problem)
    {
        int since;
        lock (_lock)
        {
            if (_last is { } last && time.GetElapsedTime(last) < Interval)
            {
                _since++;
                return;
            }

            _last = time.GetTimestamp();
            since = _since;
            _since = 0;
        }

        DaemonLog.OpeningRefused(logger, endpoint, connection, problem, since);
    }
}
