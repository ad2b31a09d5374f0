using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Hosting.Internal;

/// <summary>
/// Creates the handlers of an endpoint. A handler with dependencies gets them from a service scope of its
/// connection. A delegate, or a type without constructor parameters, needs no scope.
/// </summary>
internal abstract class HandlerSource
{
    private readonly ConcurrentDictionary<Type, HandlerTraits> _traits = new();

    /// <summary>Which methods a handler's type overrides. The loop skips the others.</summary>
    [Flags]
    public enum HandlerTraits
    {
        None = 0,

        /// <summary>
        /// Overrides <see cref="LineHandlerBase.OnConnectedAsync"/>: it may act before the first line.
        /// </summary>
        Greets = 1,

        /// <summary>Overrides <see cref="LineHandlerBase.OnClosing"/>: it may have a last line.</summary>
        HasLastLine = 2,

        /// <summary>
        /// Overrides <see cref="LineHandlerBase.OnLinesEndedAsync"/>: the close may have to wait for it.
        /// </summary>
        AwaitsEnd = 4,
    }

    public static HandlerSource Of(LineDelegate onLine) => new Shared(new DelegateHandler(onLine));

    public static HandlerSource Of<THandler>(IServiceProvider services)
        where THandler : LineHandlerBase => new Activated<THandler>(services);

    public static HandlerSource Of(Func<IServiceProvider, LineHandlerBase> make, IServiceProvider services) => new Made(make, services);

    /// <summary>
    /// False if no handler of this endpoint has a last line. Then a refused connection gets no handler.
    /// </summary>
    public virtual bool MayHaveLastLine => true;

    /// <summary>True if no handler of this source blocks, as far as known before one is created.</summary>
    public virtual bool NeverBlocks => false;

    /// <summary>Creates the handler of one connection.</summary>
    /// <param name="scope">
    /// Set as soon as the scope exists, even if creating the handler then fails; null if none is needed.
    /// Dispose it after the handler.
    /// </param>
    public abstract LineHandlerBase Make(ref IServiceScope? scope);

    public bool Greets(LineHandlerBase handler) => TraitsOf(handler).HasFlag(HandlerTraits.Greets);

    public bool AwaitsEnd(LineHandlerBase handler) => TraitsOf(handler).HasFlag(HandlerTraits.AwaitsEnd);

    public bool HasLastLine(LineHandlerBase handler) => TraitsOf(handler).HasFlag(HandlerTraits.HasLastLine);

    /// <summary>Disposes a handler after its last call, then its scope. Logs what they throw.</summary>
    public static async ValueTask DisposeAsync(LineHandlerBase? handler, IServiceScope? scope, EndpointLog log, object connection)
    {
        try
        {
            await DisposeAsync(handler);
        }
#pragma warning disable CA1031 // Application code may throw anything; its connection has ended already.
        catch (Exception e)
#pragma warning restore CA1031
        {
            log.HandlerFailed(e, connection, "disposing the handler");
        }

        try
        {
            await DisposeAsync(scope);
        }
#pragma warning disable CA1031 // As above.
        catch (Exception e)
#pragma warning restore CA1031
        {
            log.HandlerFailed(e, connection, "disposing the services of the connection");
        }
    }

    /// <summary>False for most connections, which then need no await.</summary>
    public static bool HasToBeDisposed(LineHandlerBase? handler, IServiceScope? scope) =>
        scope is not null || handler is IAsyncDisposable or IDisposable;

    private static ValueTask DisposeAsync(object? owned)
    {
        switch (owned)
        {
            case IAsyncDisposable asyncDisposable:
                return asyncDisposable.DisposeAsync();
            case IDisposable disposable:
                disposable.Dispose();
                break;
        }

        return default;
    }

    private HandlerTraits TraitsOf(LineHandlerBase handler) => _traits.GetOrAdd(
        handler.GetType(),
        static (_, first) =>
            (IsOwn((Func<LineOutput, CancellationToken, ValueTask>)first.OnConnectedAsync) ? HandlerTraits.Greets : HandlerTraits.None)
            | (IsOwn((Action<CloseReason, LineOutput>)first.OnClosing) ? HandlerTraits.HasLastLine : HandlerTraits.None)
            | (IsOwn((Func<CloseReason, CancellationToken, ValueTask>)first.OnLinesEndedAsync) ? HandlerTraits.AwaitsEnd : HandlerTraits.None),
        handler);

    private static bool IsOwn(Delegate callback) => callback.Method.DeclaringType != typeof(LineHandlerBase);

    /// <summary>A delegate has no state, so its connections share one handler.</summary>
    private sealed class Shared(DelegateHandler handler) : HandlerSource
    {
        public override bool MayHaveLastLine => false;

        public override bool NeverBlocks => true;

        public override LineHandlerBase Make(ref IServiceScope? scope) => handler;
    }

    private sealed class Activated<THandler>(IServiceProvider services) : HandlerSource
        where THandler : LineHandlerBase
    {
        private readonly ObjectFactory<THandler> _factory = ActivatorUtilities.CreateFactory<THandler>([]);
        private readonly IServiceScopeFactory? _scopes =
            typeof(THandler).GetConstructors().Any(static constructor => constructor.GetParameters().Length > 0)
                ? services.GetService<IServiceScopeFactory>()
                : null;

        public override bool MayHaveLastLine { get; } =
            typeof(THandler).GetMethod(nameof(LineHandlerBase.OnClosing), [typeof(CloseReason), typeof(LineOutput)])!.DeclaringType != typeof(LineHandlerBase);

        public override LineHandlerBase Make(ref IServiceScope? scope)
        {
            scope = _scopes?.CreateScope();
            return _factory(scope?.ServiceProvider ?? services, []);
        }
    }

    private sealed class Made(Func<IServiceProvider, LineHandlerBase> make, IServiceProvider services) : HandlerSource
    {
        public override LineHandlerBase Make(ref IServiceScope? scope)
        {
            var lazy = new LazyScope(services);
            try
            {
                return make(lazy);
            }
            finally
            {
                scope = lazy.EndMaking();
            }
        }
    }

    /// <summary>The services passed to a handler factory. Creates the scope on the first request.</summary>
    private sealed class LazyScope(IServiceProvider root) : IServiceProvider, IKeyedServiceProvider
    {
        private IServiceProvider? _services;
        private IServiceScope? _scope;

        public object? GetService(Type serviceType) => Services.GetService(serviceType);

        public object? GetKeyedService(Type serviceType, object? serviceKey) => ((IKeyedServiceProvider)Services).GetKeyedService(serviceType, serviceKey);

        public object GetRequiredKeyedService(Type serviceType, object? serviceKey) =>
            ((IKeyedServiceProvider)Services).GetRequiredKeyedService(serviceType, serviceKey);

        /// <summary>
        /// Ends the factory's call. If it requested no service, the connection keeps no scope, so none may be
        /// created later.
        /// </summary>
        public IServiceScope? EndMaking()
        {
            _services ??= Late.Instance;
            return _scope;
        }

        private IServiceProvider Services
        {
            get
            {
                if (_services is null)
                {
                    _scope = root.GetService<IServiceScopeFactory>()?.CreateScope();
                    _services = _scope?.ServiceProvider ?? root;
                }

                return _services;
            }
        }
    }

    private sealed class Late : IServiceProvider, IKeyedServiceProvider
    {
        public static readonly Late Instance = new();

        public object GetService(Type serviceType) => throw Error();

        public object GetKeyedService(Type serviceType, object? serviceKey) => throw Error();

        public object GetRequiredKeyedService(Type serviceType, object? serviceKey) => throw Error();

        private static InvalidOperationException Error() =>
            new("The services of a connection are asked for while its handler is made; later, only if some were asked for then.");
    }
}
