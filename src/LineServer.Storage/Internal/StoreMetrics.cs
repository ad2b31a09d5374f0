using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace LineServer.Storage.Internal;

/// <summary>What a store measures, under OpenTelemetry's rules for names.</summary>
internal sealed class StoreMetrics : IDisposable
{
    public const string MeterName = "LineServer.Storage";

    private readonly Meter _meter;
    private readonly TagList _tags;
    private readonly Counter<long> _commits;
    private readonly Counter<long> _lines;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _failures;
    private readonly Counter<long> _checkpoints;
    private readonly Histogram<double> _commitDuration;
    private readonly Histogram<long> _commitLines;

    /// <param name="meters">Makes the meter; null makes one that nobody else shares.</param>
    /// <param name="name">The name of the store, as a tag.</param>
    /// <param name="unapplied">The bytes of committed lines that wait to be applied.</param>
    /// <param name="uncommitted">The bytes of lines that wait for their commit.</param>
    public StoreMetrics(IMeterFactory? meters, string name, Func<long> unapplied, Func<long> uncommitted)
    {
        _meter = meters?.Create(MeterName) ?? new Meter(MeterName);
        _tags = new TagList { { "lineserver.store.name", name } };
        KeyValuePair<string, object?>[] tags = [.. _tags];
        _commits = _meter.CreateCounter<long>("lineserver.store.commits", "{commit}", "Commits: each is one write and, if synced, one fdatasync.");
        _lines = _meter.CreateCounter<long>("lineserver.store.committed.lines", "{line}", "Lines that are durable.");
        _bytes = _meter.CreateCounter<long>("lineserver.store.committed.bytes", "By", "Bytes of lines that are durable.");
        _failures = _meter.CreateCounter<long>("lineserver.store.failures", "{failure}", "Failed writes, syncs and recoveries.");
        _checkpoints = _meter.CreateCounter<long>("lineserver.store.checkpoints", "{checkpoint}", "Checkpoints.");
        _commitDuration = _meter.CreateHistogram<double>("lineserver.store.commit.duration", "s", "The write of a commit and its fdatasync.");
        _commitLines = _meter.CreateHistogram<long>("lineserver.store.commit.lines", "{line}", "Lines of a commit.");
        _meter.CreateObservableGauge("lineserver.store.unapplied", () => new Measurement<long>(unapplied(), tags), "By", "Bytes of committed lines that are not in their segments yet.");
        _meter.CreateObservableGauge("lineserver.store.uncommitted", () => new Measurement<long>(uncommitted(), tags), "By", "Bytes of received lines that wait for their commit.");
    }

    public void Committed(int lines, long bytes, long start)
    {
        _commits.Add(1, _tags);
        _lines.Add(lines, _tags);
        _bytes.Add(bytes, _tags);
        _commitLines.Record(lines, _tags);
        _commitDuration.Record(Stopwatch.GetElapsedTime(start).TotalSeconds, _tags);
    }

    public void Checkpointed() => _checkpoints.Add(1, _tags);

    public void Failed() => _failures.Add(1, _tags);

    public void Dispose() => _meter.Dispose();
}
