using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Themes;

/// <summary>After many connections there are as many sockets as before.</summary>
[Collection(nameof(Alone))]
public abstract class DescriptorTests(Transport transport)
{
    [Fact]
    public async Task No_descriptor_is_left_of_many_connections_however_they_end()
    {
        await using Listening listening = await transport.ListenAsync();
        await using var server = new EchoServer(listening);
        using (Peer first = await listening.ConnectAsync())
        {
            await first.SendAsync(new byte[1]);
            await first.ReceiveExactlyAsync(1).InTime();
        }

        await Bounded.UntilTrue(() => server is { Accepted: 1, Running: 0 });
        int before = Descriptors.Sockets();
        int total = Scale.Connections;
        var random = new Random(1);
        for (int opened = 0; opened < total;)
        {
            int batch = Math.Min(500, total - opened);
            var peers = new List<Peer>();
            for (int i = 0; i < batch; i++)
            {
                peers.Add(await listening.ConnectAsync());
                await peers[^1].SendAsync(new[] { (byte)i });
            }

            foreach (Peer peer in peers)
            {
                await EndAsync(peer, random.Next(4));
            }

            opened += batch;
        }

        await Bounded.UntilTrue(() => server.Accepted == total + 1 && server.Running == 0, "all connections have ended");
        await Bounded.UntilTrue(() => Descriptors.Sockets() <= before, "no socket is left");
    }

    [Fact]
    public async Task No_descriptor_is_left_when_the_server_ends_connections()
    {
        await using Listening listening = await transport.ListenAsync();
        await using (Pair first = await listening.PairAsync())
        {
            first.Server.Abort();
        }

        int before = Descriptors.Sockets();
        for (int i = 0; i < 200; i++)
        {
            Pair pair = await listening.PairAsync();
            Task<byte[]> reading = pair.Input.ReadToEndAsync();
            if (i % 2 == 0)
            {
                pair.Server.Abort();
                await Record.ExceptionAsync(() => reading.InTime());
                await pair.Server.DisposeAsync().InTime();
            }
            else
            {
                await pair.Server.DisposeAsync().InTime();
                await Record.ExceptionAsync(() => reading.InTime());
            }

            pair.Peer.Dispose();
        }

        await Bounded.UntilTrue(() => Descriptors.Sockets() <= before, "no socket is left");
    }

    [Fact]
    public async Task No_descriptor_is_left_of_a_listener()
    {
        int before = 0;
        for (int i = 0; i < 20; i++)
        {
            await using (Listening listening = await transport.ListenAsync())
            {
                await using Pair pair = await listening.PairAsync();
                await pair.Peer.SendAsync(new byte[1]);
                await pair.Input.ReadExactlyAsync(1).InTime();
            }

            if (i == 0)
            {
                await Bounded.UntilTrue(() => Descriptors.All() is var now && (before = now) > 0);
            }
        }

        // The runtime opens some of its own, never one for each.
        await Bounded.UntilTrue(() => Descriptors.All() <= before + 8, "no descriptor is left");
    }

    private static async Task EndAsync(Peer peer, int way)
    {
        switch (way)
        {
            case 0:
                peer.Reset();
                break;
            case 1:
                peer.HalfClose();
                Assert.Single(await peer.ReceiveToEndAsync().InTime());
                peer.Dispose();
                break;
            case 2:
                await peer.ReceiveExactlyAsync(1).InTime();
                peer.Dispose();
                break;
            default:
                peer.Dispose();
                break;
        }
    }
}
