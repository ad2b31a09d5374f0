using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>The loops of a transport. They start with the first that needs one.</summary>
internal sealed class LoopGroup : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Func<int, EventLoop> _create;
    private readonly LoopWatcher? _watcher;
    private readonly EventLoop[] _loops;
    private bool _isStarted;
    private bool _isDisposed;
    private int _nextForListener;

    public LoopGroup(int count, Func<int, EventLoop> create, LoopWatcher? watcher)
    {
        _create = create;
        _watcher = watcher;
        _loops = new EventLoop[count];
    }

    /// <summary>All of them, once started.</summary>
    public IReadOnlyList<EventLoop> All => _isStarted ? _loops : [];

    /// <summary>The loop with the fewest connections.</summary>
    public EventLoop Fewest()
    {
        Start();
        EventLoop fewest = _loops[0];
        foreach (EventLoop loop in _loops)
        {
            if (loop.ConnectionCount < fewest.ConnectionCount)
            {
                fewest = loop;
            }
        }

        return fewest;
    }

    /// <summary>For listeners, in turn.</summary>
    public EventLoop Next()
    {
        Start();
        return _loops[(uint)Interlocked.Increment(ref _nextForListener) % (uint)_loops.Length];
    }

    /// <summary>Ends the loops, and all connections on them.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
            _watcher?.Dispose();
            foreach (EventLoop loop in All)
            {
                loop.End();
            }
        }
    }

    private void Start()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(EpollTransportFactory));
            if (_isStarted)
            {
                return;
            }

            for (int i = 0; i < _loops.Length; i++)
            {
                _loops[i] = _create(i);
            }

            _watcher?.Watch(_loops);
            _isStarted = true;
        }
    }
}
