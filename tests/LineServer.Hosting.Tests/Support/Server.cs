using System.IO.Pipelines;
using System.Net;
using LineServer.Hosting.Testing;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LineServer.Hosting.Tests.Support;

/// <summary>
/// An in-memory endpoint with its clock, its log, and wrappers around its pipes. Configure it, then connect.
/// </summary>
internal sealed class Server
{
    private readonly Action<IConnectionBuilder> _useLines;
    private ConnectionDelegate? _endpoint;

    private Server(Action<Server, IConnectionBuilder> useLines) => _useLines = builder => useLines(this, builder);

    public ManualTimeProvider Time { get; } = new();

    public ListLogger Log { get; } = new();

    public IServiceCollection Services { get; } = new ServiceCollection();

    public Action<LineOptions>? Options { get; init; }

    public Func<PipeReader, PipeReader> WrapInput { get; init; } = reader => reader;

    public Func<PipeWriter, PipeWriter> WrapOutput { get; init; } = writer => writer;

    /// <summary>True if the transport cannot send FIN first, like Kestrel's sockets.</summary>
    public bool CannotHalfClose { get; init; }

    public IPAddress? Peer { get; set; }

    public static Server With(
        LineDelegate onLine,
        Action<LineOptions>? options = null,
        Func<PipeReader, PipeReader>? input = null,
        Func<PipeWriter, PipeWriter>? output = null,
        bool cannotHalfClose = false) =>
        new((server, builder) => builder.UseLines(onLine, server.Options))
        {
            Options = options,
            WrapInput = input ?? (reader => reader),
            WrapOutput = output ?? (writer => writer),
            CannotHalfClose = cannotHalfClose,
        };

    public static Server With(
        Func<LineHandlerBase> handler,
        Action<LineOptions>? options = null,
        Func<PipeReader, PipeReader>? input = null,
        Func<PipeWriter, PipeWriter>? output = null,
        bool cannotHalfClose = false) =>
        new((server, builder) => builder.UseLines(_ => handler(), server.Options))
        {
            Options = options,
            WrapInput = input ?? (reader => reader),
            WrapOutput = output ?? (writer => writer),
            CannotHalfClose = cannotHalfClose,
        };

    public LineTestConnection Connect(int maxWriteBufferSize = 64 * 1024)
    {
        _endpoint ??= LineTestConnection.Build(
            builder =>
            {
                builder.Use(next => connection =>
                {
                    connection.RemoteEndPoint = Peer is null ? null : new IPEndPoint(Peer, 1234);
                    connection.Transport = new WrappedTransport(WrapInput(connection.Transport.Input), WrapOutput(connection.Transport.Output));
                    if (CannotHalfClose)
                    {
                        connection.Features.Set<LineServer.Connections.IHalfCloseFeature>(null);
                    }

                    return next(connection);
                });
                _useLines(builder);
            },
            Services.AddSingleton<TimeProvider>(Time).AddSingleton<ILoggerFactory>(Log).AddMetrics().BuildServiceProvider());
        return LineTestConnection.Connect(_endpoint, maxWriteBufferSize);
    }

    private sealed record WrappedTransport(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
