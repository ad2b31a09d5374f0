using LineServer.Transports.Tests.Support;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>
/// A process with few descriptors, and more clients than it has descriptors for. What it does meanwhile is measured by clocks of its own: how often
/// accepting backs off, and the CPU that it uses.
/// </summary>
public class DescriptorLimitTests
{
    private const int Limit = 300;

    [Theory]
    [InlineData(0)] // until accept4 says EMFILE
    [InlineData(32)] // before it does
    public async Task Without_descriptors_accept_waits_without_using_cpu_and_goes_on_when_some_are_free(int reserved)
    {
        await using ServerProcess server = await ServerProcess.StartAsync(Limit, reserved);
        using SocketPeer first = await SocketPeer.ConnectAsync(server.EndPoint);
        await EchoAsync(first, "first");
        await server.BackedOffAsync(0); // .NET has loaded what it needs for that

        // Those that are too many wait in the backlog: connect(2) succeeds.
        var clients = new List<SocketPeer>();
        for (int i = 0; i < Limit + 50; i++)
        {
            clients.Add(await SocketPeer.ConnectAsync(server.EndPoint));
        }

        using SocketPeer last = await SocketPeer.ConnectAsync(server.EndPoint);
        await last.SendAsync("last"u8.ToArray());

        // Longer each time, up to a second. Each accept that succeeds, where the runtime has closed something, begins anew.
        (long BackOffs, TimeSpan Time, TimeSpan Cpu) before = await server.BackedOffAsync(5);
        TimeSpan time = TimeSpan.Zero;
        TimeSpan cpu = TimeSpan.Zero;
        for (int i = 0; i < 1000 && time < TimeSpan.FromSeconds(1.9); i++)
        {
            (long BackOffs, TimeSpan Time, TimeSpan Cpu) after = await server.BackedOffAsync(before.BackOffs + 2);
            (time, cpu) = (after.Time - before.Time, after.Cpu - before.Cpu);
            before = after;
        }

        Assert.True(time >= TimeSpan.FromSeconds(1.9), $"two back-offs take {time} in the end");
        Assert.True(cpu < time / 5, $"it has used the CPU for {cpu} of {time}");

        // Who was accepted is served all the time.
        await EchoAsync(first, "still");
        clients.ForEach(client => client.Dispose());
        Assert.Equal("last"u8.ToArray(), await last.ReceiveExactlyAsync(4).InTime());
        using SocketPeer next = await SocketPeer.ConnectAsync(server.EndPoint);
        await EchoAsync(next, "next");
        first.Dispose();
        last.Dispose();
        next.Dispose();
        Assert.Equal(0, await server.StopAsync());
    }

    private static async Task EchoAsync(SocketPeer peer, string text)
    {
        byte[] bytes = System.Text.Encoding.ASCII.GetBytes(text);
        await peer.SendAsync(bytes);
        Assert.Equal(bytes, await peer.ReceiveExactlyAsync(bytes.Length).InTime());
    }
}
