using System.Net;
using System.Net.Sockets;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>The transport as a client.</summary>
public class ConnectTests
{
    public static MatrixTheoryData<bool, bool> Ways => new([true, false], [true, false]);

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task A_client_of_the_transport_talks_to_a_server_of_the_transport(bool inline, bool unix)
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline, unix);
        EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings());
        await using Listening listening = await ListenAsync(transport, factory);
        await using var server = new EchoServer(listening);
        ConnectionContext client = await factory.ConnectAsync(listening.EndPoint).InTime();
        Task<long> writing = Payload.WriteAsync(client.Transport.Output, 1, 1_000_000, 5000);
        Assert.Equal(1_000_000, await Payload.CheckAsync(client.Transport.Input, 1, 1_000_000).InTime());
        await writing.InTime();
        await client.Transport.Output.CompleteAsync();
        Assert.Empty(await client.Transport.Input.ReadToEndAsync().InTime());
        await client.DisposeAsync().InTime();
    }

    [Fact]
    public async Task A_client_over_failing_system_calls_loses_nothing()
    {
        var transport = new EpollUnderTest<FaultySystemCalls<FaultPlan>>(inline: false);
        TestContext.Current.TestOutputHelper?.WriteLine($"LINESERVER_SEED={FaultPlan.Seed}");
        EpollTransport<FaultySystemCalls<FaultPlan>> factory = transport.Create(new TransportSettings());
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        await using var listening = new Listening(listener, factory, _ => throw new NotSupportedException());
        await using var server = new EchoServer(listening);
        await Task.WhenAll(Enumerable.Range(0, 50).Select(async seed =>
        {
            ConnectionContext client = await factory.ConnectAsync(listening.EndPoint);
            Task<long> writing = Payload.WriteAsync(client.Transport.Output, (ulong)seed, 50_000, 3000);
            Assert.Equal(50_000, await Payload.CheckAsync(client.Transport.Input, (ulong)seed, 50_000));
            await writing;
            await client.DisposeAsync();
        })).InTime();
    }

    [Fact]
    public async Task Nobody_who_listens_is_told_as_refused_and_leaves_no_descriptor()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: false);
        await using EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings());
        using var bound = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        bound.Bind(new IPEndPoint(IPAddress.Loopback, 0)); // and never listens
        for (int i = 0; i < 10; i++)
        {
            SocketException error = await Assert.ThrowsAsync<SocketException>(() => factory.ConnectAsync(bound.LocalEndPoint!).InTime());
            Assert.Equal(SocketError.ConnectionRefused, error.SocketErrorCode);
        }
    }

    [Fact]
    public async Task A_connect_can_be_cancelled()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: false);
        await using EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => factory.ConnectAsync(new IPEndPoint(IPAddress.Loopback, 1), new CancellationToken(canceled: true)).InTime());
        // A backlog that is full lets connect(2) wait for ever.
        using var full = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        full.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        full.Listen(0);
        var waiting = new List<Task<ConnectionContext>>();
        using var source = new CancellationTokenSource();
        for (int i = 0; i < 5; i++)
        {
            waiting.Add(factory.ConnectAsync(full.LocalEndPoint!, source.Token).AsTask());
        }

        await source.CancelAsync();
        foreach (Task<ConnectionContext> connecting in waiting)
        {
            Exception? error = await Record.ExceptionAsync(async () => await (await connecting.InTime()).DisposeAsync());
            Assert.True(error is null or OperationCanceledException, error?.ToString());
        }
    }

    [Fact]
    public async Task A_connection_of_ours_has_the_feature_of_its_endpoints()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: false);
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        var endPoints = pair.Server.Features.Get<IConnectionEndPointFeature>();
        Assert.Equal(pair.Server.RemoteEndPoint, endPoints!.RemoteEndPoint);
        Assert.Equal(pair.Server.LocalEndPoint, endPoints.LocalEndPoint);
    }

    private static async Task<Listening> ListenAsync(Transport transport, EpollTransport<LinuxSystemCalls> factory)
    {
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        return new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
    }
}
