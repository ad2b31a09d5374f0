using LineServer.Transports.Clients;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Themes;

/// <summary>Connections come and go, as fast as they can, beside others that move data: descriptors are reused at once.</summary>
public abstract class ChurnTests(Transport transport, int share = 1)
{
    [Fact]
    public async Task No_byte_goes_astray_while_connections_come_and_go()
    {
        int seed = Random.Shared.Next();
        await using Listening listening = await transport.ListenAsync();
        await using var server = new EchoServer(listening);
        int left = Scale.Connections / share;
        Task[] churning = [.. Enumerable.Range(0, 4).Select(lane => Task.Run(async () =>
        {
            var random = new Random(seed + lane);
            while (Interlocked.Decrement(ref left) is var number and >= 0)
            {
                await ComeAndGoAsync(listening, (ulong)number, random);
            }
        }))];
        Task churned = Task.WhenAll(churning);
        long moved = 0;
        Task[] moving = [.. Enumerable.Range(0, 4).Select(lane => Task.Run(async () =>
        {
            using Peer peer = await listening.ConnectAsync();
            ulong stream = 1_000_000 + (ulong)lane;
            // Blocks there and back, until the others are done.
            for (long at = 0; !churned.IsCompleted; at += 20_000)
            {
                byte[] block = new byte[20_000];
                new BytePattern(stream).Fill(block, at);
                Task sending = peer.SendAsync(block);
                new BytePattern(stream).Check(await peer.ReceiveExactlyAsync(block.Length).InTime($"stream {lane}, byte {at}, seed {seed}"), at);
                await sending.InTime();
                Interlocked.Add(ref moved, block.Length);
            }
        }))];
        await churned.InTime($"coming and going, seed {seed}, {left} left");
        await Task.WhenAll(moving).InTime();
        Assert.True(moved > 0);
        Assert.Empty(server.Errors);
    }

    private static async Task ComeAndGoAsync(Listening listening, ulong stream, Random random)
    {
        using Peer peer = await listening.ConnectAsync();
        byte[] bytes = Payload.Of(stream, random.Next(1, 5000));
        switch (random.Next(5))
        {
            case 0: // at once
                peer.Reset();
                break;
            case 1: // with data that nobody will read
                await peer.SendAsync(bytes);
                peer.Reset();
                break;
            case 2: // in the middle of the echo
                await peer.SendAsync(bytes);
                new BytePattern(stream).Check(await peer.ReceiveExactlyAsync(1).InTime(), 0);
                break;
            case 3: // in order
                await peer.SendAsync(bytes);
                peer.HalfClose();
                Assert.Equal(bytes, await peer.ReceiveToEndAsync().InTime());
                break;
            default:
                await peer.SendAsync(bytes);
                Assert.Equal(bytes, await peer.ReceiveExactlyAsync(bytes.Length).InTime());
                break;
        }
    }
}
