using System.Net;
using System.Net.Sockets;
using LineServer.Hosting.Internal;
using LineServer.Hosting.Tests.Support;

namespace LineServer.Hosting.Tests;

/// <summary>
/// Which connections are admitted: by number and rate, in total and per peer, at an endpoint and over the
/// whole server.
/// </summary>
public class AdmissionTests
{
    private static readonly EndPoint Unix = new UnixDomainSocketEndPoint("/x");

    private readonly ManualTimeProvider _time = new();

    private static IPEndPoint Peer(string address) => new(IPAddress.Parse(address), 1);

    [Fact]
    public void A_place_that_is_given_back_can_be_taken_again()
    {
        var admission = new Admission(new ConnectionLimits { MaxConcurrentConnections = 2 }, _time);
        Assert.Equal(CloseReason.None, admission.TryEnter(Unix));
        Assert.Equal(CloseReason.None, admission.TryEnter(Unix));
        Assert.Equal(CloseReason.TooManyConnections, admission.TryEnter(Unix));
        admission.Leave(Unix);
        Assert.Equal(CloseReason.None, admission.TryEnter(Unix));
    }

    [Fact]
    public void A_place_is_freed_once()
    {
        var admission = new Admission(new ConnectionLimits { MaxConcurrentConnections = 1 }, _time);
        Assert.Equal(CloseReason.None, admission.TryEnter(null));
        var place = new ConnectionPlace(admission, null);
        place.Free();
        place.Free();
        Assert.Equal(0, admission.Count);
    }

    [Fact]
    public void The_limits_of_the_server_hold_over_all_endpoints_and_what_an_endpoint_refuses_takes_no_place_there()
    {
        var server = new Admission(new ConnectionLimits { MaxConcurrentConnections = 3 }, _time);
        var small = new Admission(new ConnectionLimits { MaxConcurrentConnections = 1 }, _time, server);
        var large = new Admission(new ConnectionLimits(), _time, server);
        Assert.Equal(CloseReason.None, small.TryEnter(Unix));
        Assert.Equal(CloseReason.TooManyConnections, small.TryEnter(Unix));
        Assert.Equal(1, server.Count);
        Assert.Equal(CloseReason.None, large.TryEnter(Unix));
        Assert.Equal(CloseReason.None, large.TryEnter(Unix));
        Assert.Equal(CloseReason.TooManyConnections, large.TryEnter(Unix));
        Assert.Equal(2, large.Count);
    }

    [Fact]
    public void What_an_endpoint_refuses_costs_nothing_of_the_servers_rates()
    {
        var limits = new ConnectionLimits { MaxConnectionsPerSecond = 3, MaxConnectionsPerSecondPerPeer = 3 };
        var server = new Admission(limits, _time);
        var flooded = new Admission(new ConnectionLimits { MaxConcurrentConnections = 1 }, _time, server);
        var other = new Admission(new ConnectionLimits(), _time, server);
        EndPoint peer = Peer("192.0.2.1");
        Assert.Equal(CloseReason.None, flooded.TryEnter(peer));
        for (int i = 0; i < 1000; i++)
        {
            Assert.Equal(CloseReason.TooManyConnections, flooded.TryEnter(peer));
        }

        Assert.Equal(CloseReason.None, other.TryEnter(peer));
        Assert.Equal(CloseReason.None, other.TryEnter(peer));
        Assert.Equal(CloseReason.TooManyConnectionsPerSecond, other.TryEnter(peer));
        Assert.Equal(3, server.Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1_000_000)]
    public void A_rate_lets_in_a_seconds_worth_at_once_and_then_as_many_a_second(int perSecond)
    {
        var admission = new Admission(new ConnectionLimits { MaxConnectionsPerSecond = perSecond }, _time);
        for (int second = 0; second < 3; second++)
        {
            int entered = 0;
            while (admission.TryEnter(Unix) == CloseReason.None)
            {
                admission.Leave(Unix);
                entered++;
            }

            Assert.Equal(perSecond, entered);
            _time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    [Theory]
    [InlineData("::1", "7fff::1", true, 1)]
    [InlineData("::1", "8000::1", false, 1)]
    [InlineData("2001:db8::1", "2001:db8::1", true, 128)]
    [InlineData("2001:db8::1", "2001:db8::2", false, 128)]
    [InlineData("1.0.0.1", "127.0.0.1", true, 1)]
    [InlineData("1.0.0.1", "128.0.0.1", false, 1)]
    public void A_prefix_may_be_as_short_as_a_bit_and_as_long_as_the_address(string first, string second, bool isOnePeer, int length)
    {
        int lengthIPv4 = Math.Min(length, 32);
        Assert.Equal(isOnePeer, PeerPrefix.Of(Peer(first), lengthIPv4, length) == PeerPrefix.Of(Peer(second), lengthIPv4, length));
    }

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.2", false)]
    [InlineData("127.0.0.1", "::ffff:127.0.0.1", true)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:2::1", false)]
    public void A_peer_is_an_IPv4_address_or_an_IPv6_network_of_64_bits(string first, string second, bool isOnePeer)
    {
        var admission = new Admission(new ConnectionLimits { MaxConcurrentConnectionsPerPeer = 1 }, _time);
        Assert.Equal(CloseReason.None, admission.TryEnter(Peer(first)));
        Assert.Equal(isOnePeer ? CloseReason.TooManyConnectionsPerPeer : CloseReason.None, admission.TryEnter(Peer(second)));
        admission.Leave(Peer(first));
        Assert.Equal(CloseReason.None, admission.TryEnter(Peer(first)));
    }

    [Theory]
    [InlineData(24, "10.0.0.1", "10.0.0.255", true)]
    [InlineData(24, "10.0.0.1", "10.0.1.1", false)]
    [InlineData(1, "10.0.0.1", "127.0.0.1", true)]
    public void The_prefix_of_a_peer_can_be_set(int length, string first, string second, bool isOnePeer)
    {
        var limits = new ConnectionLimits { MaxConcurrentConnectionsPerPeer = 1, PeerPrefixLengthIPv4 = length };
        var admission = new Admission(limits, _time);
        Assert.Equal(CloseReason.None, admission.TryEnter(Peer(first)));
        Assert.Equal(isOnePeer ? CloseReason.TooManyConnectionsPerPeer : CloseReason.None, admission.TryEnter(Peer(second)));
    }

    [Fact]
    public void Unix_sockets_have_no_peers()
    {
        var admission = new Admission(new ConnectionLimits { MaxConcurrentConnectionsPerPeer = 1, MaxConnectionsPerSecondPerPeer = 1 }, _time);
        Assert.Equal(CloseReason.None, admission.TryEnter(Unix));
        Assert.Equal(CloseReason.None, admission.TryEnter(Unix));
    }

    [Fact]
    public void A_seconds_worth_may_come_at_once_and_then_as_the_rate_allows()
    {
        var admission = new Admission(new ConnectionLimits { MaxConnectionsPerSecond = 10 }, _time);
        for (int i = 0; i < 10; i++)
        {
            Assert.Equal(CloseReason.None, admission.TryEnter(Unix));
        }

        Assert.Equal(CloseReason.TooManyConnectionsPerSecond, admission.TryEnter(Unix));
        _time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.Equal(CloseReason.None, admission.TryEnter(Unix));
        Assert.Equal(CloseReason.TooManyConnectionsPerSecond, admission.TryEnter(Unix));
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(10, Enumerable.Range(0, 20).Count(_ => admission.TryEnter(Unix) == CloseReason.None));
    }

    [Fact]
    public void The_rate_of_a_peer_is_remembered_though_it_has_left_and_leaves_others_theirs()
    {
        var admission = new Admission(new ConnectionLimits { MaxConnectionsPerSecondPerPeer = 1 }, _time);
        Assert.Equal(CloseReason.None, admission.TryEnter(Peer("10.0.0.1")));
        admission.Leave(Peer("10.0.0.1"));
        Assert.Equal(CloseReason.TooManyConnectionsPerSecondPerPeer, admission.TryEnter(Peer("10.0.0.1")));
        Assert.Equal(CloseReason.None, admission.TryEnter(Peer("10.0.0.2")));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(CloseReason.None, admission.TryEnter(Peer("10.0.0.1")));
    }

    [Fact]
    public void Peers_that_have_left_are_forgotten()
    {
        var admission = new Admission(new ConnectionLimits { MaxConnectionsPerSecondPerPeer = 1 }, _time);
        for (int i = 0; i < 5000; i++)
        {
            var peer = new IPEndPoint(new IPAddress(i + 1), 1);
            Assert.Equal(CloseReason.None, admission.TryEnter(peer));
            admission.Leave(peer);
            _time.Advance(TimeSpan.FromMilliseconds(10));
        }

        Assert.InRange(admission.PeerCount, 1, 1100);
    }

    [Fact]
    public async Task Connections_beyond_the_limit_of_the_server_are_refused_at_every_endpoint()
    {
        await using var server = new TestServer(new ConnectionLimits { MaxConcurrentConnections = 2 });
        ConnectionEndpoint one = await server.ListenAsync(endpoint => endpoint.UseLines((in line, reply) => reply.WriteLine(line)));
        ConnectionEndpoint other = await server.ListenAsync(endpoint => endpoint.UseLines((in line, reply) => reply.WriteLine(line)));
        using Socket first = await one.ConnectAndEchoAsync();
        using Socket second = await other.ConnectAndEchoAsync();
        Assert.True(await one.IsRefusedAsync());
        Assert.True(await other.IsRefusedAsync());
        first.Shutdown(SocketShutdown.Send);
        Assert.Equal("", await first.ReceiveToEndAsync());
        Until.True(() => server.Server.ConnectionCount == 1);
        using Socket third = await other.ConnectAndEchoAsync();
    }
}
