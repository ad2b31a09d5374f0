using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using LineServer.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Hosting.Internal;

/// <summary>
/// The handler of a connection, and where its code runs: within its context on an event loop, or wherever the loop of the
/// connection runs.
/// </summary>
internal struct HandlerInUse
{
    private LineBatchHandler? _handler;
    private ConcurrentHandler? _concurrent;
    private IServiceScope? _scope;

    /// <summary>The handler as the loop calls it; null before <see cref="Create"/>.</summary>
    public readonly LineBatchHandler? Handler => _handler;

    /// <summary>The same if several of its lines may be pending at once; else null.</summary>
    public readonly ConcurrentHandler? Concurrent => _concurrent;

    /// <summary>Resumes the handler on its event loop after an await; null on the thread pool.</summary>
    public readonly HandlerContext? Context => _handler?.Context;

    /// <summary>True if there is something to dispose: <see cref="DisposeAsync"/>.</summary>
    public readonly bool HasToBeDisposed => HandlerSource.HasToBeDisposed(_handler?.Made, _scope);

    private readonly bool IsPerLine => _handler!.Made is LineHandler;

    /// <summary>Creates the handler, on its event loop if the endpoint's handlers run there.</summary>
    /// <returns>The handler as the application created it.</returns>
    public LineHandlerBase Create(ConnectionLoop loop, Inbox inbox, TransportOutput output)
    {
        LineEndpoint endpoint = loop.Endpoint;
        HandlerContext? context = null;
        if (inbox.Features.Get<IEventLoopFeature>() is { } eventLoop)
        {
            // Read once: the endpoint may move at any moment.
            bool runsOnLoop = endpoint.RunsOnLoop;
            eventLoop.RunsInline = runsOnLoop;
            eventLoop.Handler = endpoint;
            context = runsOnLoop && endpoint.MayBlock ? eventLoop.CreateContext(endpoint, afterCallback: loop) : null;
        }

        LineHandlerBase made = Make(endpoint, context);
        _concurrent = made is LineHandler shared && endpoint.Options.MaxConcurrentLines > 1
            ? new ConcurrentHandler(shared, loop, output)
            : null;
        _handler = made as LineBatchHandler ?? _concurrent ?? (LineBatchHandler)new PerLineHandler((LineHandler)made);
        _handler.Attach(inbox);
        if (_handler.NeverBlocks)
        {
            endpoint.Pin();
        }

        if (context is not null && (endpoint.MayBlock || IsPerLine))
        {
            _handler.Context = context;
        }
        else if (IsPerLine)
        {
            UseContext(loop, inbox);
        }

        return made;
    }

    /// <summary>
    /// Gives the handler a context if it has none and runs on an event loop. A batch handler that never blocks gets it when
    /// it first awaits: few do, and it is memory of each idle connection.
    /// </summary>
    public readonly void UseContext(ConnectionLoop loop, Inbox inbox)
    {
        if (_handler!.Context is null && loop.Endpoint.RunsOnLoop)
        {
            _handler.Context = inbox.Features.Get<IEventLoopFeature>()?.CreateContext(loop.Endpoint, afterCallback: loop);
        }
    }

    /// <summary>Calls the handler within its context.</summary>
    public readonly ValueTask Call(ConnectionLoop loop, Func<ConnectionLoop, ValueTask> call)
    {
        if (Context is not { } context)
        {
            return call(loop);
        }

        HandlerEntry entry = context.Enter();
        try
        {
            return call(loop);
        }
        finally
        {
            context.Leave(entry);
        }
    }

    /// <summary>The same for a call without a task.</summary>
    public readonly void Run(ConnectionLoop loop, Action<ConnectionLoop> call)
    {
        HandlerContext? context = Context;
        HandlerEntry entry = context?.Enter() ?? default;
        try
        {
            call(loop);
        }
        finally
        {
            context?.Leave(entry);
        }
    }

    /// <summary>Goes on on the thread pool: a handler of the endpoint has blocked its event loop.</summary>
    /// <remarks>
    /// The connection's reads and flushes go on to complete on the loop: other code, such as middleware, may be waiting for
    /// them too. Later connections are on the thread pool from their start.
    /// </remarks>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public static async ValueTask MoveToThreadPoolAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
    }

    /// <summary>Disposes the handler, then its scope. Logs what they throw.</summary>
    public readonly ValueTask DisposeAsync(EndpointLog log, object connection) =>
        HandlerSource.DisposeAsync(_handler?.Made, _scope, log, connection);

    private LineHandlerBase Make(LineEndpoint endpoint, HandlerContext? context)
    {
        HandlerEntry entry = context?.Enter() ?? default;
        try
        {
            return endpoint.Handlers.Make(ref _scope);
        }
        finally
        {
            context?.Leave(entry);
        }
    }
}
