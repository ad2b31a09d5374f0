using System.Net;
using LineServer.Connections;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Transports.Tests.Transports;

/// <summary>
/// Ours, with handlers that run on the loop within a <see cref="HandlerContext"/>, as line handlers do. Two thirds of them
/// move to the thread pool, each after a number of awaits of its own.
/// </summary>
internal sealed class EpollAuto(bool unix = false) : Transport
{
    private readonly EpollUnderTest<LinuxSystemCalls> _inner = new(inline: true, unix);

    public override bool HasReset => _inner.HasReset;

    public override long KernelSlack(int kernelBuffer) => _inner.KernelSlack(kernelBuffer);

    public override EndPoint NewEndPoint() => _inner.NewEndPoint();

    public override IConnectionListenerFactory CreateFactory(TransportSettings settings) => new Factory(_inner.CreateFactory(settings));

    private sealed class Factory(IConnectionListenerFactory inner) : IConnectionListenerFactory, IAsyncDisposable
    {
        public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
            new Listener(await inner.BindAsync(endpoint, cancellationToken));

        public ValueTask DisposeAsync() => ((IAsyncDisposable)inner).DisposeAsync();
    }

    private sealed class Listener(IConnectionListener inner) : IConnectionListener
    {
        private int _accepted;

        public EndPoint EndPoint => inner.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            ConnectionContext? connection = await inner.AcceptAsync(cancellationToken);
            if (connection is not null)
            {
                int index = _accepted++;
                connection.Features.Set<IRunsHandlers>(new Handler(connection.Features.GetRequiredFeature<IEventLoopFeature>(), index));
            }

            return connection;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class Handler : IRunsHandlers, IEventLoopHandler, IThreadPoolWorkItem
    {
        private readonly HandlerContext _context;
        private readonly int _awaitsOnLoop;
        private int _awaits;

        public Handler(IEventLoopFeature eventLoop, int index)
        {
            eventLoop.Handler = this;
            _context = eventLoop.CreateContext(this, afterCallback: this);
            _awaitsOnLoop = index % 3 == 0 ? int.MaxValue : 1 + (index * 7 % 50);
        }

        // Asked for each await.
        public bool RunsOnLoop => Interlocked.Increment(ref _awaits) <= _awaitsOnLoop;

        public bool MayBlock => true;

        public bool OnBlocked() => false;

        public Task RunAsync(Func<Task> handler)
        {
            var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
#pragma warning disable VSTHRD001 // How code gets into a context.
            _context.Post(_ => _ = RunAsync(handler, ended), null);
#pragma warning restore VSTHRD001
            return ended.Task;
        }

        void IThreadPoolWorkItem.Execute()
        {
        }

        private static async Task RunAsync(Func<Task> handler, TaskCompletionSource ended)
        {
            Task task = handler();
            await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ended.TrySetFromTask(task);
        }
    }
}

/// <summary>Runs handlers where they belong; without it, they run where they are called.</summary>
internal interface IRunsHandlers
{
    Task RunAsync(Func<Task> handler);
}
