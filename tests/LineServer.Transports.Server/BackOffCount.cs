using System.Diagnostics.Metrics;

namespace LineServer.Transports.Server;

/// <summary>Listens to <c>epoll.accept.backoffs</c>.</summary>
internal sealed class BackOffCount : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly Lock _gate = new();
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _count;

    public BackOffCount()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument is { Meter.Name: "LineServer.Transports.Epoll", Name: "epoll.accept.backoffs" })
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((_, measurement, _, _) => Add(measurement));
        _listener.Start();
    }

    /// <summary>Waits until there were so many; returns how many there were.</summary>
    public async Task<long> ReachAsync(long count)
    {
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (_count >= count)
                {
                    return _count;
                }

                changed = _changed.Task;
            }

            await changed;
        }
    }

    public void Dispose() => _listener.Dispose();

    private void Add(long measurement)
    {
        TaskCompletionSource former;
        lock (_gate)
        {
            _count += measurement;
            former = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        former.SetResult();
    }
}
