using System.Net;
using LineServer.Hosting.Internal;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Hosting;

/// <summary>
/// Configures an endpoint before it listens: its name, its transport, its connection middleware and its
/// handler.
/// </summary>
/// <example>
/// <code>
/// server.Listen(new IPEndPoint(IPAddress.Any, 7007), endpoint =>
/// {
///     endpoint.Name = "echo";
///     endpoint.UseLines((in line, reply) => reply.WriteLine(line));
/// });
/// </code>
/// </example>
public sealed class EndpointBuilder : IConnectionBuilder
{
    private readonly ConnectionBuilder _pipeline;
    private int _middlewareCount;

    internal EndpointBuilder(EndPoint endPoint, IServiceProvider services, Admission serverAdmission, BufferBudget budget)
    {
        EndPoint = endPoint;
        ServerAdmission = serverAdmission;
        Budget = budget;
        _pipeline = new ConnectionBuilder(services);
    }

    /// <summary>The address to listen on.</summary>
    public EndPoint EndPoint { get; }

    /// <summary>The endpoint's name in logs and metrics. Defaults to its address.</summary>
    public string? Name { get; set; }

    /// <summary>
    /// The transport of this endpoint. Defaults to the <see cref="IConnectionListenerFactory"/> that the
    /// application registered last, or to <see cref="SocketListenerFactory"/> if it registered none. The
    /// caller disposes a transport that it sets.
    /// </summary>
    public IConnectionListenerFactory? Transport { get; set; }

    /// <inheritdoc/>
    public IServiceProvider ApplicationServices => _pipeline.ApplicationServices;

    internal Admission ServerAdmission { get; }

    internal BufferBudget Budget { get; }

    /// <summary>Set by <c>UseLines</c>.</summary>
    internal LineConnectionHandler? Lines { get; set; }

    /// <summary>True if connection middleware runs before the line handler.</summary>
    internal bool HasMiddleware => _middlewareCount > 1;

    /// <inheritdoc/>
    public IConnectionBuilder Use(Func<ConnectionDelegate, ConnectionDelegate> middleware)
    {
        _middlewareCount++;
        _pipeline.Use(middleware);
        return this;
    }

    /// <inheritdoc/>
    public ConnectionDelegate Build() => _pipeline.Build();
}
