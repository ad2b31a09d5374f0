using Microsoft.Extensions.Logging;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>The loops of a transport, started on first use.</summary>
internal sealed class LoopGroup : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Func<int, EventLoop> _create;
    private readonly BlockedLoopWatcher? _watcher;
    private readonly EventLoop[] _loops;
    private bool _isStarted;
    private bool _isDisposed;
    private int _nextForListener;

    public LoopGroup(int count, Func<int, EventLoop> create, BlockedLoopWatcher? watcher)
    {
        _create = create;
        _watcher = watcher;
        _loops = new EventLoop[count];
    }

    /// <summary>All loops; empty before they are started.</summary>
    public IReadOnlyList<EventLoop> All => _isStarted ? _loops : [];

    /// <summary>The loop with the fewest connections.</summary>
    /// <exception cref="ObjectDisposedException">The transport was disposed.</exception>
    public EventLoop Fewest() => TryFewest() ?? throw new ObjectDisposedException(nameof(EpollTransportFactory));

    /// <summary>The loop with the fewest connections; null if the transport was disposed.</summary>
    public EventLoop? TryFewest()
    {
        if (!TryStart())
        {
            return null;
        }

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

    /// <summary>The loop for the next listener, in turn.</summary>
    public EventLoop Next()
    {
        ObjectDisposedException.ThrowIf(!TryStart(), typeof(EpollTransportFactory));
        return _loops[(uint)Interlocked.Increment(ref _nextForListener) % (uint)_loops.Length];
    }

    /// <summary>Ends the loops and all of their connections.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
        }

        // Outside the lock: an awaiter that ends with its loop may wait for someone who asks for a loop.
        _watcher?.Dispose();
        foreach (EventLoop loop in All)
        {
            loop.RequestEnd();
        }

        foreach (EventLoop loop in All)
        {
            loop.End();
        }
    }

    private bool TryStart()
    {
        lock (_gate)
        {
            if (_isDisposed || _isStarted)
            {
                return !_isDisposed;
            }

            int started = 0;
            try
            {
                for (; started < _loops.Length; started++)
                {
                    _loops[started] = _create(started);
                }

                _watcher?.Watch(_loops);
            }
            catch
            {
                // No descriptor left, for example. It is all loops or none: the next caller tries again.
                foreach (EventLoop loop in _loops.AsSpan(0, started))
                {
                    loop.End();
                }

                Array.Clear(_loops);
                throw;
            }

            _isStarted = true;
            return true;
        }
    }
}
