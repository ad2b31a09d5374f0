using System.IO.Pipelines;
using System.Net.Sockets;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>
/// One connection that floods, and quiet ones beside it on the same loop. How long a quiet one waits is asserted in bytes that the flood was served
/// meanwhile, which is what <c>ReadBudget</c> promises; how long that takes is the machine's affair.
/// </summary>
public class FairnessTests
{
    private const int Quiet = 100;
    private const int Rounds = 50;

    [Theory]
    [InlineData(1, 4096)]
    [InlineData(50_000, 4096)]
    [InlineData(256 * 1024, 1024 * 1024)] // as it is unless set
    public async Task A_quiet_connection_is_answered_before_the_flood_has_had_more_than_its_budget_and_one_read(int budget, int mostRead)
    {
        var transport = new EpollUnderTest<EndlessSystemCalls>(inline: true);
        EpollTransport<EndlessSystemCalls> factory = transport.Create(new TransportSettings { MaxReadBufferSize = mostRead }, options =>
        {
            options.LoopCount = 1;
            options.ReadBudget = budget;
        });
        IConnectionListener listener = await factory.BindAsync(transport.NewEndPoint());
        await using var listening = new Listening(listener, factory, async configure => await SocketPeer.ConnectAsync(listener.EndPoint, configure));

        // All of this is touched on the loop alone.
        EventLoop loop = factory.Loops.All[0];
        var arrivals = new long[Quiet];
        long served = 0;
        long longestRead = 0;
        long mostBetween = 0;
        int unanswered = 0;
        var quiet = new List<Pair>();
        var answering = new List<Task>();
        for (int i = 0; i < Quiet; i++)
        {
            int index = i;
            (Pair pair, Task handling) = await PairOnLoop.ConnectAsync(listening, loop, server => AnswerAsync(server, () =>
            {
                mostBetween = Math.Max(mostBetween, served - arrivals[index]);
                unanswered--;
            }));
            quiet.Add(pair);
            answering.Add(handling);
        }

        Socket[] servers = [.. quiet.Select(pair => pair.Server.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket)];
        await using Pair flood = await listening.PairAsync();
        Task flooding = Task.Run(async () =>
        {
            int rounds = 0;
            for (int reads = 0; rounds < Rounds || unanswered > 0; reads++)
            {
                ReadResult read = await flood.Input.ReadAsync();
                served += read.Buffer.Length;
                longestRead = Math.Max(longestRead, read.Buffer.Length);
                flood.Input.AdvanceTo(read.Buffer.End);
                // It goes on for ever now: its first turn, which the edge has begun, is over, and each further one comes before the edges of others.
                bool goesOn = loop.IsCurrent && served > 2L * (budget + longestRead);
                // At another place in the flood's turn each time. The loop is here, so no quiet connection is answered before all bytes are there.
                if (goesOn && unanswered == 0 && rounds < Rounds && reads % 7 == 0)
                {
                    rounds++;
                    unanswered = Quiet;
                    for (int i = 0; i < Quiet; i++)
                    {
                        Assert.Equal(4, ((SocketPeer)quiet[i].Peer).Socket.Send("ping"u8));
                        SpinWait.SpinUntil(() => servers[i].Poll(0, SelectMode.SelectRead));
                        arrivals[i] = served;
                    }
                }
            }

            EndlessSystemCalls.Flooded = -1;
        });
        EndlessSystemCalls.Flooded = (int)flood.Server.Features.GetRequiredFeature<IConnectionSocketFeature>().Socket.Handle;
        await flood.Peer.SendAsync(new byte[1]);
        await flooding.InTime();
        foreach (Pair pair in quiet)
        {
            Assert.Equal(Enumerable.Repeat("pong"u8.ToArray(), Rounds).SelectMany(pong => pong), await pair.Peer.ReceiveExactlyAsync(4 * Rounds).InTime());
            await pair.DisposeAsync();
        }

        await Task.WhenAll(answering).InTime();
        Assert.InRange(mostBetween, 0, budget + longestRead);
    }

    private static async Task AnswerAsync(ConnectionContext connection, Action answered)
    {
        while (await PairOnLoop.ReadAsync(connection))
        {
            answered();
            await connection.Transport.Output.WriteAsync("pong"u8.ToArray());
        }
    }
}
