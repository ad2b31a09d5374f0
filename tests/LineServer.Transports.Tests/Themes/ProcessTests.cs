using System.Net;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Themes;

/// <summary>Clients in processes of their own, from several addresses: in full size more than one address has ports for.</summary>
[Collection(nameof(Alone))]
public abstract class ProcessTests(Transport transport)
{
    private static readonly int Processes = Scale.IsFull ? 3 : 1;

    [Fact]
    public async Task Many_connections_at_once_echo_every_byte_and_leave_no_descriptor()
    {
        await using Listening listening = await transport.ListenAsync(new TransportSettings { Backlog = 4096 });
        int before = Descriptors.Sockets();
        await using var server = new EchoServer(listening);
        int each = (Scale.IsFull ? Scale.Connections : 500) / Processes;
        await Task.WhenAll(Enumerable.Range(0, Processes).Select(i => ClientProcess.RunAsync("echo", listening.EndPoint, Address(i), each, 2000)));
        await Bounded.UntilTrue(() => server.Accepted == each * Processes && server.Running == 0, "all connections have ended");
        await Bounded.UntilTrue(() => Descriptors.Sockets() <= before, "no socket is left");
        Assert.Empty(server.Errors);
    }

    [Fact]
    public async Task Connections_that_come_and_go_in_other_processes_leave_no_descriptor()
    {
        await using Listening listening = await transport.ListenAsync(new TransportSettings { Backlog = 4096 });
        int before = Descriptors.Sockets();
        await using var server = new EchoServer(listening);
        int each = Scale.Connections / Processes;
        await Task.WhenAll(Enumerable.Range(0, Processes).Select(i => ClientProcess.RunAsync("churn", listening.EndPoint, Address(i), each, 8)));
        await Bounded.UntilTrue(() => server.Accepted == each * Processes && server.Running == 0, "all connections have ended");
        await Bounded.UntilTrue(() => Descriptors.Sockets() <= before, "no socket is left");
        Assert.Empty(server.Errors);
    }

    private static IPAddress Address(int process) => new([127, 0, 0, (byte)(2 + process)]);
}
