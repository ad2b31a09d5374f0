using System.Diagnostics.Metrics;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>The meter <c>LineServer.Transports.Epoll</c>.</summary>
internal sealed class TransportMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _heldLoops;
    private readonly Counter<long> _takeOvers;
    private readonly Counter<long> _acceptBackOffs;

    public TransportMetrics()
    {
        _meter = new Meter("LineServer.Transports.Epoll");
        _heldLoops = _meter.CreateCounter<long>("epoll.loop.held", "{hold}", "Times that code held an event loop for longer than the threshold.");
        _takeOvers = _meter.CreateCounter<long>("epoll.loop.taken_over", "{take_over}", "Times that another thread took over an event loop that a handler blocked.");
        _acceptBackOffs = _meter.CreateCounter<long>("epoll.accept.backoffs", "{backoff}", "Times that accepting had to wait for descriptors or memory.");
    }

    public void LoopHeld(bool isTakenOver)
    {
        _heldLoops.Add(1);
        if (isTakenOver)
        {
            _takeOvers.Add(1);
        }
    }

    public void AcceptBackedOff() => _acceptBackOffs.Add(1);

    public void Dispose() => _meter.Dispose();
}
