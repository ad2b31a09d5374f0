using System.Runtime.ExceptionServices;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Brings the code of a connection back to its loop after an await. One for each connection, so that the loop knows
/// whose code it runs.
/// </summary>
internal sealed class LoopContext(EventLoop loop, IEventSource source, IThreadPoolWorkItem afterCallback) : SynchronizationContext
{
    public override void Post(SendOrPostCallback d, object? state) => loop.Post(new PostedItem(source, d, state, this));

    /// <summary>Waits for the callback if another thread calls this.</summary>
    public override void Send(SendOrPostCallback d, object? state)
    {
        ArgumentNullException.ThrowIfNull(d);
        if (loop.IsCurrent)
        {
            d(state);
            return;
        }

        using var done = new ManualResetEventSlim();
        Exception? thrown = null;
        Post(
            _ =>
            {
                try
                {
                    d(state);
                }
                catch (Exception e)
                {
                    thrown = e;
                }
                finally
                {
                    done.Set();
                }
            },
            null);
        done.Wait();
        if (thrown is not null)
        {
            ExceptionDispatchInfo.Throw(thrown);
        }
    }

    /// <summary>On the loop: runs a posted callback.</summary>
    public void Run(SendOrPostCallback callback, object? state)
    {
        SetSynchronizationContext(this);
        try
        {
            callback(state);
        }
        finally
        {
            SetSynchronizationContext(null);
        }

        afterCallback.Execute();
    }

    public override SynchronizationContext CreateCopy() => this;
}
