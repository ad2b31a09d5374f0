using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using LineServer.Transports.Epoll;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>Things that share an edge, so that a short read proves nothing.</summary>
public class SharedEdgeTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Bytes_behind_urgent_ones_do_not_wait_for_more_to_come(bool inline)
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline);
        await using Listening listening = await transport.ListenAsync(new TransportSettings());
        using SocketPeer peer = await SocketPeer.ConnectAsync(listening.EndPoint);
        await using ConnectionContext connection = await listening.AcceptAsync();
        // All of it is there before the first read.
        peer.Socket.NoDelay = true;
        await peer.SendAsync("abc"u8.ToArray());
        Assert.Equal(1, await peer.Socket.SendAsync("X"u8.ToArray(), SocketFlags.OutOfBand));
        await peer.SendAsync("def\n"u8.ToArray());
        string text = "";
        while (!text.EndsWith('\n'))
        {
            ReadResult read = await connection.Transport.Input.ReadAsync().InTime(text);
            text += Encoding.ASCII.GetString(read.Buffer);
            connection.Transport.Input.AdvanceTo(read.Buffer.End);
        }

        Assert.Equal("abcdef\n", text);
    }

    [Fact]
    public async Task The_end_of_a_server_that_comes_with_the_connects_edge_is_seen()
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        server.Listen();
        var answering = new Thread(() =>
        {
            for (int i = 0; i < 200; i++)
            {
                using Socket accepted = server.Accept();
                accepted.Send("bye\n"u8);
            }
        });
        answering.Start();
        await using EpollTransport<LinuxSystemCalls> transport = new EpollUnderTest<LinuxSystemCalls>(inline: true).Create(new TransportSettings());
        for (int i = 0; i < 200; i++)
        {
            await using ConnectionContext connection = await transport.ConnectAsync(server.LocalEndPoint!);
            ReadResult read = await connection.Transport.Input.ReadAsync().InTime();
            while (!read.IsCompleted)
            {
                connection.Transport.Input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                read = await connection.Transport.Input.ReadAsync().InTime($"the end of connection {i}");
            }

            Assert.Equal("bye\n", Encoding.ASCII.GetString(read.Buffer));
            connection.Transport.Input.AdvanceTo(read.Buffer.End);
        }

        answering.Join();
    }

    [Fact]
    public async Task A_cancelled_read_need_not_be_advanced_from_as_with_a_pipe()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: false);
        await using Listening listening = await transport.ListenAsync(new TransportSettings());
        await using Pair pair = await listening.PairAsync();
        pair.Input.CancelPendingRead();
        Assert.True((await pair.Input.ReadAsync().InTime()).IsCanceled);
        await pair.Peer.SendAsync("a"u8.ToArray());
        ReadResult read = await pair.Input.ReadAsync().InTime();
        Assert.Equal(1, read.Buffer.Length);
        pair.Input.AdvanceTo(default); // nothing consumed
        read = await pair.Input.ReadAsync().InTime();
        Assert.Equal(1, read.Buffer.Length);
        pair.Input.AdvanceTo(read.Buffer.End);
    }
}
