using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace LineServer.Hosting.Tests.Support;

/// <summary>Sums the measurements of the meter for the endpoint of the given name.</summary>
internal sealed class Metrics : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, long> _sums = new(StringComparer.Ordinal);

    public Metrics(string endpoint)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == "LineServer.Hosting")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            string key = instrument.Name;
            foreach (KeyValuePair<string, object?> tag in tags)
            {
                if (tag.Key == "lineserver.endpoint" && !Equals(tag.Value, endpoint))
                {
                    return;
                }

                key += tag.Key == "lineserver.close_reason" ? $" {tag.Value}" : "";
            }

            _sums.AddOrUpdate(key, value, (_, sum) => sum + value);
        });
        _listener.Start();
    }

    public long this[string name] => _sums.GetValueOrDefault(name);

    public void Dispose() => _listener.Dispose();
}
