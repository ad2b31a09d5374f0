using System.Net;
using System.Net.Sockets;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Transports.Tests.Themes;

/// <summary>Endpoints and features, as Kestrel's sockets have them.</summary>
public abstract class AddressTests(Transport transport)
{
    private static readonly TransportSettings Settings = new();

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.7")]
    [InlineData("::1")]
    public async Task Addresses_are_those_of_the_socket(string address)
    {
        IConnectionListenerFactory factory = transport.CreateFactory(Settings);
        IConnectionListener listener = await factory.BindAsync(new IPEndPoint(IPAddress.Parse(address), 0)).InTime();
        await using var listening = new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));
        Assert.NotEqual(0, ((IPEndPoint)listener.EndPoint).Port);
        await using Pair pair = await listening.PairAsync();
        Socket client = ((SocketPeer)pair.Peer).Socket;
        Assert.Equal(client.LocalEndPoint, pair.Server.RemoteEndPoint);
        Assert.Equal(client.RemoteEndPoint, pair.Server.LocalEndPoint);
    }

    [Fact]
    public async Task The_local_endpoint_is_known_after_an_abort_though_nobody_has_asked_before()
    {
        IConnectionListenerFactory factory = transport.CreateFactory(Settings);
        IConnectionListener listener = await factory.BindAsync(new IPEndPoint(IPAddress.Any, 0)).InTime();
        int port = ((IPEndPoint)listener.EndPoint).Port;
        await using var listening = new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), configure));
        await using Pair pair = await listening.PairAsync();
        pair.Server.Abort();
        Assert.Equal(new IPEndPoint(IPAddress.Loopback, port), pair.Server.LocalEndPoint);
    }

    [Fact]
    public async Task A_client_over_ipv4_reaches_a_listener_on_any_ipv6_address()
    {
        IConnectionListenerFactory factory = transport.CreateFactory(Settings);
        IConnectionListener listener = await factory.BindAsync(new IPEndPoint(IPAddress.IPv6Any, 0)).InTime();
        int port = ((IPEndPoint)listener.EndPoint).Port;
        await using var listening = new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), configure));
        await using Pair pair = await listening.PairAsync();
        Assert.Equal(IPAddress.Loopback, ((IPEndPoint)pair.Server.RemoteEndPoint!).Address.MapToIPv4());
    }

    [Fact]
    public async Task A_unix_socket_has_its_path()
    {
        IConnectionListenerFactory factory = transport.CreateFactory(Settings);
        var path = (UnixDomainSocketEndPoint)BoundSockets.NewUnixEndPoint();
        IConnectionListener listener = await factory.BindAsync(path).InTime();
        await using (var listening = new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(path, configure)))
        {
            await using Pair pair = await listening.PairAsync();
            Assert.Equal(path.ToString(), listener.EndPoint.ToString());
            Assert.Equal(path.ToString(), pair.Server.LocalEndPoint!.ToString());
        }

        File.Delete(path.ToString());
    }

    [Fact]
    public async Task An_address_in_use_is_told_as_such()
    {
        await using Listening listening = await transport.ListenAsync();
        IConnectionListenerFactory second = transport.CreateFactory(Settings);
        if (listening.EndPoint is IPEndPoint)
        {
            await Assert.ThrowsAsync<AddressInUseException>(() => second.BindAsync(listening.EndPoint).InTime());
        }

        if (second is IAsyncDisposable disposable)
        {
            await disposable.DisposeAsync().InTime();
        }
    }

    [Fact]
    public async Task An_address_can_be_bound_again_after_Unbind()
    {
        EndPoint endPoint;
        await using (Listening listening = await transport.ListenAsync())
        {
            endPoint = listening.EndPoint;
            await using Pair pair = await listening.PairAsync();
        }

        IConnectionListenerFactory factory = transport.CreateFactory(Settings);
        if (endPoint is UnixDomainSocketEndPoint unix)
        {
            File.Delete(unix.ToString());
        }

        IConnectionListener listener = await factory.BindAsync(endPoint).InTime();
        await using var again = new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(endPoint, configure));
        await using Pair next = await again.PairAsync();
        Assert.NotNull(next.Server);
    }

    [Fact]
    public async Task Features_are_those_that_Kestrels_sockets_have()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        IFeatureCollection features = pair.Server.Features;
        Assert.Equal(pair.Server.ConnectionId, features.GetRequiredFeature<IConnectionIdFeature>().ConnectionId);
        Assert.Same(pair.Server.Transport, features.GetRequiredFeature<IConnectionTransportFeature>().Transport);
        Assert.Same(pair.Server.Items, features.GetRequiredFeature<IConnectionItemsFeature>().Items);
        Assert.Equal(pair.Server.ConnectionClosed, features.GetRequiredFeature<IConnectionLifetimeFeature>().ConnectionClosed);
        Assert.NotNull(features.GetRequiredFeature<IMemoryPoolFeature>().MemoryPool);
        using System.Buffers.IMemoryOwner<byte> memory = features.GetRequiredFeature<IMemoryPoolFeature>().MemoryPool.Rent();
        Assert.True(memory.Memory.Length >= 4096);
        pair.Server.Items["key"] = "value";
        Assert.Equal("value", pair.Server.Items["key"]);
    }

    [Fact]
    public async Task The_socket_reads_and_sets_options_and_has_no_use_after_the_connection()
    {
        await using Listening listening = await transport.ListenAsync();
        Pair pair = await listening.PairAsync();
        Socket socket = pair.Server.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket;
        Assert.NotNull(socket);
        Assert.Same(socket, pair.Server.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket);
        Assert.True(socket.SendBufferSize > 0);
        if (listening.EndPoint is IPEndPoint)
        {
            Assert.True(socket.NoDelay);
            Assert.Equal(pair.Server.RemoteEndPoint, socket.RemoteEndPoint);
        }

        await pair.DisposeAsync();
        // Its descriptor may be another connection's by now.
        Assert.ThrowsAny<ObjectDisposedException>(() => socket.SendBufferSize);
        Assert.ThrowsAny<ObjectDisposedException>(() => socket.Shutdown(SocketShutdown.Both));
    }

    [Fact]
    public async Task A_socket_disposed_by_its_user_touches_no_other_connection()
    {
        await using Listening listening = await transport.ListenAsync();
        for (int i = 0; i < 50; i++)
        {
            Pair first = await listening.PairAsync();
            Socket socket = first.Server.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket;
            await first.DisposeAsync();
            await using Pair second = await listening.PairAsync(); // takes the descriptor that has become free
            socket.Dispose();
            await second.Peer.SendAsync("ping"u8.ToArray());
            Assert.Equal("ping"u8.ToArray(), await second.Input.ReadExactlyAsync(4).InTime());
        }
    }
}
