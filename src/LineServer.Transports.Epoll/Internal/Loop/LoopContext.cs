using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;
using LineServer.Connections;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Brings the code of a handler back to its loop after an await; to the thread pool once the handler runs there. One for
/// each connection, so that the loop knows whose code it runs.
/// </summary>
internal sealed class LoopContext(EventLoop loop, IEventSource source, IEventLoopHandler handler, IThreadPoolWorkItem afterCallback)
    : HandlerContext
{
    public override HandlerEntry Enter()
    {
        var entry = new HandlerEntry(Current, ExecutionContext.Capture(), handler.MayBlock ? loop.BeginHandler() : 0);
        SetSynchronizationContext(this);
        return entry;
    }

    public override void Leave(in HandlerEntry entry)
    {
        SetSynchronizationContext(entry.Former);
        if (entry.Execution is { } execution && execution != ExecutionContext.Capture())
        {
            // What the code has put into asynchronous locals is not for the loop's other connections.
            ExecutionContext.Restore(execution);
        }

        loop.EndHandler(entry.Token);
    }

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (handler.RunsOnLoop && !loop.IsEnding)
        {
            loop.Post(new PostedItem(source, d, state, this));
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(static it => it.Context.RunOnThreadPool(it.Callback, it.State), (Context: this, Callback: d, State: state), preferLocal: true);
        }
    }

    /// <summary>Waits for the callback if another thread calls this.</summary>
    public override void Send(SendOrPostCallback d, object? state)
    {
        ArgumentNullException.ThrowIfNull(d);
        if (Current == this)
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

    /// <summary>Runs a posted callback.</summary>
    public void Run(SendOrPostCallback callback, object? state)
    {
        HandlerEntry entry = Enter();
        try
        {
            callback(state);
        }
        finally
        {
            Leave(entry);
        }

        if (entry.Token == 0 || loop.IsCurrent)
        {
            afterCallback.Execute();
        }
        else
        {
            // Another thread has taken over the loop.
            loop.Post(new PostedItem(source, afterCallback));
        }
    }

    public override SynchronizationContext CreateCopy() => this;

    [SuppressMessage("Design", "CA1031", Justification = "On the thread pool it would end the process.")]
    private void RunOnThreadPool(SendOrPostCallback callback, object? state)
    {
        try
        {
            Run(callback, state);
        }
        catch (Exception e)
        {
            loop.Fail(source, e);
        }
    }
}
