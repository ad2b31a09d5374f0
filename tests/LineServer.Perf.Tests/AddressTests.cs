using System.Net;
using System.Net.Sockets;
using LineServer.Perf.Load;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests;

/// <summary>Target and source addresses of connections.</summary>
public class AddressTests
{
    private static readonly Workload Pipelined = new("test", WorkloadKind.ClosedLoop, Connections: 6, Window: 16, LineSize: 8) { MaxLineSize = 2000 };

    [Fact]
    public void IPv6_is_as_good()
    {
        using var server = new EchoServer(EchoServer.Same, new IPEndPoint(IPAddress.IPv6Loopback, 0));
        Assert.Equal($"[::1]:{server.EndPoint.Port}", server.Address.ToString());
        Run(TargetAddress.Parse(server.Address.ToString()));
        Assert.Equal([IPAddress.IPv6Loopback], server.ClientAddresses);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Unix_sockets_are_as_good(bool isAbstract)
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using var server = new EchoServer(EchoServer.Same, new UnixDomainSocketEndPoint(isAbstract ? $"\0{path}" : path));
        Run(TargetAddress.Parse($"unix:{(isAbstract ? "@" : "")}{path}"));
        Assert.Equal(Pipelined.Connections, server.Accepted);
        Run(TargetAddress.Unix((isAbstract ? "@" : "") + path), Pipelined with { Kind = WorkloadKind.Churn, MaxLineSize = 0, LineSize = 32 });
        Assert.True(server.Accepted >= 2 * Pipelined.Connections);
        File.Delete(path);
    }

    [Fact]
    public void Connections_leave_from_the_sources_in_turn()
    {
        using var server = new EchoServer(EchoServer.Same);
        Run(server.Address.From([IPAddress.Parse("127.0.0.5"), IPAddress.Parse("127.0.0.6")]));
        Assert.Equal(["127.0.0.5", "127.0.0.6"], server.ClientAddresses.Select(address => address.ToString()).Order(StringComparer.Ordinal), StringComparer.Ordinal);
    }

    [Fact]
    public void Beyond_ten_thousand_connections_there_are_further_sources_on_loopback()
    {
        var loopback = TargetAddress.Of(new IPEndPoint(IPAddress.Loopback, 1));
        Assert.Empty(loopback.ForConnections(10_000).Sources);
        Assert.Equal(["127.0.0.1", "127.0.0.2"], loopback.ForConnections(19_000).Sources.Select(source => source.ToString()), StringComparer.Ordinal);
        Assert.Empty(TargetAddress.Of(new IPEndPoint(IPAddress.Parse("192.0.2.1"), 1)).ForConnections(19_000).Sources);
        Assert.Empty(TargetAddress.Unix("/a").ForConnections(19_000).Sources);
    }

    [Fact]
    public void A_source_of_another_family_is_refused()
    {
        Assert.Contains("can come from ::1", Assert.Throws<UsageException>(() => TargetAddress.Of(new IPEndPoint(IPAddress.Loopback, 1)).From([IPAddress.IPv6Loopback])).Message);
        Assert.Contains("has at most 107 bytes", Assert.Throws<UsageException>(() => TargetAddress.Unix(new string('a', 108))).Message);
    }

    [Fact]
    public void A_server_that_is_not_there_is_told_in_words()
    {
        string message = Assert.Throws<RunFailedException>(() => Run(TargetAddress.Unix("/nowhere/at-all"))).Message;
        Assert.Equal("connection 0 to unix:/nowhere/at-all failed: No such file or directory", message);
    }

    [Fact]
    public void A_source_that_is_not_ours_is_told()
    {
        using var server = new EchoServer(EchoServer.Same);
        Assert.Contains("does not have the address", Assert.Throws<RunFailedException>(() => Run(server.Address.From([IPAddress.Parse("192.0.2.1")]))).Message);
    }

    // It passes if every reply arrived and was right. Their number depends on the machine.
    private static void Run(TargetAddress server, Workload? workload = null) =>
        new WorkloadRun(server, process: null) { WarmUp = TimeSpan.Zero, Time = TimeSpan.FromSeconds(0.1) }.Measure(workload ?? Pipelined);
}
