using System.Net;
using LineServer.Hosting.Internal;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Hosting;

/// <summary>An endpoint before it listens: where, by which transport, and through which connection middleware to which handler.</summary>
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

    /// <summary>Where to listen.</summary>
    public EndPoint EndPoint { get; }

    /// <summary>The endpoint's name in logs and metrics. Defaults to its address.</summary>
    public string? Name { get; set; }

    /// <summary>
    /// The transport of this endpoint. Defaults to the <see cref="IConnectionListenerFactory"/> that the application registered last, and
    /// to <see cref="SocketListenerFactory"/> where it registered none. Whoever sets it disposes it.
    /// </summary>
    public IConnectionListenerFactory? Transport { get; set; }

    /// <inheritdoc/>
    public IServiceProvider ApplicationServices => _pipeline.ApplicationServices;

    internal Admission ServerAdmission { get; }

    internal BufferBudget Budget { get; }

    /// <summary>Set by <c>UseLines</c>.</summary>
    internal LineConnectionHandler? Lines { get; set; }

    /// <summary>True if connection middleware stands before the lines.</summary>
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
