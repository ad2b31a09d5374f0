using System.Net;
using System.Net.Sockets;
using LineServer.Hosting.Tests.Support;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace LineServer.Hosting.Tests;

/// <summary>Endpoints are added, removed, fail and drain independently.</summary>
public class ConnectionServerTests
{
    private static void Echo(EndpointBuilder endpoint) => endpoint.UseLines((in line, reply) => reply.WriteLine(line));

    [Fact]
    public async Task An_application_without_HTTP_serves_lines_in_the_manner_of_the_generic_host()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddLineServer(server => server.ListenLocalhost(0, Echo));
        using IHost host = builder.Build();
        await host.StartAsync();
        ConnectionEndpoint endpoint = Assert.Single(host.Services.GetRequiredService<ConnectionServer>().Endpoints);
        using Socket client = await endpoint.ConnectAndEchoAsync();
        await host.StopAsync();
        Assert.Equal("", await client.ReceiveToEndAsync());
        Assert.Equal(EndpointState.Stopped, endpoint.State);
    }

    [Fact]
    public async Task An_endpoint_comes_and_goes_while_another_serves()
    {
        await using var server = new TestServer();
        ConnectionEndpoint stays = await server.ListenAsync(Echo);
        using Socket other = await stays.ConnectAndEchoAsync();
        ConnectionEndpoint goes = await server.ListenAsync(Echo);
        using Socket client = await goes.ConnectAndEchoAsync();
        Assert.Equal(2, server.Server.ConnectionCount);
        await client.SendTextAsync("received\nunfinished");
        Assert.Equal("received\n", await client.ReceiveTextAsync(9));
        Assert.Equal(0, await server.Server.RemoveAsync(goes).InTime());
        Assert.Equal("", await client.ReceiveToEndAsync());
        await Assert.ThrowsAsync<SocketException>(goes.ConnectAsync);
        Assert.Equal(stays, Assert.Single(server.Server.Endpoints));
        Assert.Equal(1, server.Server.ConnectionCount);
        await other.SendTextAsync("on\n");
        Assert.Equal("on\n", await other.ReceiveTextAsync(3));
    }

    [Fact]
    public async Task What_does_not_end_within_DrainTimeout_is_aborted_and_counted()
    {
        var time = new ManualTimeProvider();
        await using var server = new TestServer(time: time);
        var waits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ConnectionEndpoint endpoint = await server.ListenAsync(builder => builder.UseLines(
            _ => new WaitingHandler(waits), options => options.Limits.DrainTimeout = TimeSpan.FromSeconds(3)));
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("wait\n");
        await waits.Task.InTime();
        Task<int> stopped = endpoint.StopAsync();
        Until.True(() => time.ActiveTimers >= 2);
        Assert.False(stopped.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(1, await stopped.InTime());
    }

    [Fact]
    public async Task A_stop_that_is_cancelled_aborts_at_once()
    {
        await using var server = new TestServer();
        var waits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ConnectionEndpoint endpoint = await server.ListenAsync(builder => builder.UseLines(_ => new WaitingHandler(waits)));
        using Socket client = await endpoint.ConnectAsync();
        await client.SendTextAsync("wait\n");
        await waits.Task.InTime();
        using var stop = new CancellationTokenSource();
        Task<int> stopped = endpoint.StopAsync(stop.Token);
        await stop.CancelAsync();
        Assert.Equal(1, await stopped.InTime());
    }

    [Fact]
    public async Task Connection_middleware_that_wraps_the_transport_in_a_stream_works_and_its_places_are_freed()
    {
        await using var server = new TestServer(new ConnectionLimits { MaxConcurrentConnections = 1 });
        ConnectionEndpoint endpoint = await server.ListenAsync(builder =>
        {
            builder.Use(next => async connection =>
            {
                await using var stream = new UpperCaseStream(connection.Transport);
                connection.Transport = stream.Pipes;
                await next(connection);
            });
            Echo(builder);
        });
        for (int i = 0; i < 3; i++)
        {
            using Socket client = await endpoint.ConnectAsync();
            await client.SendTextAsync("a\nb\n");
            client.Shutdown(SocketShutdown.Send);
            Assert.Equal("A\nB\n", await client.ReceiveToEndAsync());
            Until.True(() => server.Server.ConnectionCount == 0);
        }
    }

    [Fact]
    public async Task Middleware_that_throws_ends_its_connection_and_frees_its_place()
    {
        await using var server = new TestServer(new ConnectionLimits { MaxConcurrentConnections = 1 });
        ConnectionEndpoint endpoint = await server.ListenAsync(builder =>
        {
            builder.Use(next => _ => throw new InvalidOperationException("on purpose"));
            Echo(builder);
        });
        for (int i = 0; i < 3; i++)
        {
            await AssertEndedAsync(endpoint);
            Until.True(() => server.Server.ConnectionCount == 0);
        }
    }

    [Fact]
    public async Task A_handler_whose_constructor_throws_ends_its_connection_and_frees_its_place()
    {
        await using var server = new TestServer(new ConnectionLimits { MaxConcurrentConnections = 1 });
        ConnectionEndpoint endpoint = await server.ListenAsync(builder => builder.UseLines(_ => throw new InvalidOperationException("on purpose")));
        for (int i = 0; i < 3; i++)
        {
            await AssertEndedAsync(endpoint);
            Until.True(() => server.Server.ConnectionCount == 0);
        }
    }

    [Fact]
    public async Task An_accept_that_fails_once_is_tried_again()
    {
        var time = new ManualTimeProvider();
        await using var server = new TestServer(time: time);
        var listener = new ScriptedListener();
        ConnectionEndpoint endpoint = await server.ListenAsync(builder =>
        {
            builder.Transport = listener;
            Echo(builder);
        });
        listener.Throw(new IOException("on purpose"));
        Until.True(() => time.ActiveTimers == 1);
        time.Advance(TimeSpan.FromSeconds(1));
        Until.True(() => listener.AcceptCount == 2);
        Assert.Equal(EndpointState.Listening, endpoint.State);
        Assert.False(server.Failed.IsCompleted);
    }

    [Fact]
    public async Task An_accept_that_goes_on_failing_ends_the_endpoint_and_says_so()
    {
        var time = new ManualTimeProvider();
        await using var server = new TestServer(time: time);
        var listener = new ScriptedListener();
        var failure = new IOException("on purpose");
        ConnectionEndpoint endpoint = await server.ListenAsync(builder =>
        {
            builder.Transport = listener;
            Echo(builder);
        });
        for (int i = 0; i < 8; i++)
        {
            listener.Throw(failure);
            Until.True(() => time.ActiveTimers == 1 || server.Failed.IsCompleted);
            time.Advance(TimeSpan.FromSeconds(2));
        }

        Assert.Same(endpoint, await server.Failed.InTime());
        Assert.Same(failure, endpoint.Failure);
        Assert.Equal(EndpointState.Failed, endpoint.State);
    }

    [Fact]
    public async Task A_listener_that_ends_by_itself_ends_the_endpoint_and_says_so()
    {
        await using var server = new TestServer();
        var listener = new ScriptedListener();
        ConnectionEndpoint endpoint = await server.ListenAsync(builder =>
        {
            builder.Transport = listener;
            Echo(builder);
        });
        listener.End();
        Assert.Same(endpoint, await server.Failed.InTime());
        Assert.NotNull(endpoint.Failure);
        Assert.Equal(0, await endpoint.StopAsync().InTime());
        Assert.Equal(EndpointState.Stopped, endpoint.State);
    }

    [Fact]
    public async Task A_listening_socket_that_is_shut_down_from_outside_ends_the_endpoint_and_its_connections_are_served_on()
    {
        await using var server = new TestServer();
        Socket listening = null!;
        using var transport = new SocketListenerFactory(
            new SocketListenerOptions { CreateBoundListenSocket = endPoint => listening = SocketTransportOptions.CreateDefaultBoundListenSocket(endPoint) },
            NullLoggerFactory.Instance);
        ConnectionEndpoint endpoint = await server.ListenAsync(builder =>
        {
            builder.Transport = transport;
            Echo(builder);
        });
        using Socket client = await endpoint.ConnectAndEchoAsync();
        SafeSocketHandle handle = listening.SafeHandle;
        listening.Shutdown(SocketShutdown.Both);
        Assert.Same(endpoint, await server.Failed.InTime());
        Assert.Contains("no longer listens: its socket was shut down from outside", endpoint.Failure!.Message, StringComparison.Ordinal);
        // Not only at the stop.
        Until.True(() => handle.IsClosed);
        await client.SendTextAsync("on\n");
        Assert.Equal("on\n", await client.ReceiveTextAsync(3));
    }

    [Fact]
    public async Task A_refused_client_that_does_not_read_a_long_last_line_is_aborted_after_LingerTimeout()
    {
        const int Length = 32 << 20;
        var time = new ManualTimeProvider();
        await using var server = new TestServer(new ConnectionLimits { MaxConcurrentConnections = 1 }, time);
        ConnectionEndpoint endpoint = await server.ListenAsync(builder => builder.UseLines(_ => new Verbose(Length)));
        using Socket first = await endpoint.ConnectAsync();
        // The table's.
        Until.True(() => server.Server.ConnectionCount == 1 && time.ActiveTimers == 1);
        using Socket refused = await endpoint.ConnectAsync();
        // The bound's, and that of the log's summary.
        Until.True(() => time.ActiveTimers == 3);
        time.Advance(new LineLimits().LingerTimeout);
        Until.True(() => time.ActiveTimers == 2);
        Assert.InRange(await CountToEndAsync(refused), 0, Length - 1);
    }

    [Fact]
    public async Task A_host_whose_endpoint_fails_stops()
    {
        var listener = new ScriptedListener();
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddLineServer(server => server.ListenLocalhost(0, endpoint =>
        {
            endpoint.Transport = listener;
            Echo(endpoint);
        }));
        using IHost host = builder.Build();
        await host.StartAsync();
        listener.End();
        await host.WaitForShutdownAsync().InTime();
    }

    [Fact]
    public async Task Two_endpoints_on_one_address_are_an_error_and_the_first_is_gone_again()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        taken.Listen();
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddLineServer(server =>
        {
            server.ListenLocalhost(0, Echo);
            server.Listen(taken.LocalEndPoint!, Echo);
        });
        using IHost host = builder.Build();
        await Assert.ThrowsAsync<AddressInUseException>(() => host.StartAsync());
        Assert.Empty(host.Services.GetRequiredService<ConnectionServer>().Endpoints);
    }

    // By FIN or RST, which may arrive while the client is still connecting.
    private static async Task AssertEndedAsync(ConnectionEndpoint endpoint)
    {
        try
        {
            using Socket client = await endpoint.ConnectAsync();
            Assert.Equal(0, await client.ReceiveAsync(new byte[16]).InTime());
        }
        catch (SocketException e)
        {
            Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
        }
    }

    private static async Task<long> CountToEndAsync(Socket client)
    {
        byte[] buffer = new byte[1 << 20];
        long count = 0;
        try
        {
            while (await client.ReceiveAsync(buffer).InTime() is > 0 and var received)
            {
                count += received;
            }
        }
        catch (SocketException e)
        {
            Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
        }

        return count;
    }

    private sealed class Verbose(int length) : LineHandler
    {
        public override ValueTask OnLineAsync(Framing.LineMemory line, LineOutput reply, CancellationToken cancellationToken) => default;

        public override void OnClosing(CloseReason reason, LineOutput output) => output.WriteLine(new byte[length]);
    }

    private sealed class WaitingHandler(TaskCompletionSource waits) : LineHandler
    {
        public override async ValueTask OnLineAsync(Framing.LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            waits.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }
}
