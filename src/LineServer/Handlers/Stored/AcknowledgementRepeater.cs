using System.Collections.Concurrent;

namespace LineServer.Handlers.Stored;

/// <summary>
/// Repeats the last acknowledgement of connections whose lines wait for their commit: a client treats a connection on which it
/// hears nothing for 20 s as lost.
/// </summary>
internal sealed class AcknowledgementRepeater : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<AcknowledgingHandler, bool> _handlers = new();
    private readonly ITimer _timer;

    public AcknowledgementRepeater(TimeProvider time) =>
        _timer = time.CreateTimer(_ => Repeat(), state: null, Interval, Interval);

    public void Add(AcknowledgingHandler handler) => _handlers.TryAdd(handler, true);

    public void Remove(AcknowledgingHandler handler) => _handlers.TryRemove(handler, out _);

    public void Dispose() => _timer.Dispose();

    private void Repeat()
    {
        foreach (KeyValuePair<AcknowledgingHandler, bool> handler in _handlers)
        {
            handler.Key.RepeatAcknowledgement();
        }
    }
}
