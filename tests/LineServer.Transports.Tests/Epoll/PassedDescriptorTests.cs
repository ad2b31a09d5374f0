using System.Buffers;
using System.IO.Pipelines;
using System.IO.Pipes;
using System.Net.Sockets;
using System.Text;
using LineServer.Transports.Clients;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;
using Microsoft.Win32.SafeHandles;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>
/// A client of a Unix domain socket may pass descriptors with its bytes: recv stops behind them, so a short read is no proof that nothing more is there.
/// Nobody asks for the descriptors: the kernel closes them.
/// </summary>
public class PassedDescriptorTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Bytes_behind_a_passed_descriptor_do_not_wait_for_more_to_come(bool inline)
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline, unix: true);
        await using Listening listening = await transport.ListenAsync();
        using Socket client = Connect(listening);
        await using ConnectionContext connection = await listening.AcceptAsync();
        using var pipe = new PipeOfTwoEnds();
        // All of it is there before the first read, with one edge.
        client.Send("abc"u8);
        DescriptorSender.Send(client, "X"u8, pipe.Write);
        DescriptorSender.Send(client, "Y"u8, pipe.Write);
        client.Send("def\n"u8);
        pipe.Write.Dispose();
        string text = "";
        while (!text.EndsWith('\n'))
        {
            ReadResult read = await connection.Transport.Input.ReadAsync().InTime(text);
            text += Encoding.ASCII.GetString(read.Buffer);
            connection.Transport.Input.AdvanceTo(read.Buffer.End);
        }

        Assert.Equal("abcXYdef\n", text);
        await pipe.EndAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_stream_with_descriptors_among_its_bytes_arrives_whole_and_ends(bool inline)
    {
        const int Messages = 600;
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline, unix: true);
        await using Listening listening = await transport.ListenAsync();
        using Socket client = Connect(listening);
        await using ConnectionContext connection = await listening.AcceptAsync();
        using var pipe = new PipeOfTwoEnds();
        Task<long> sending = Task.Run(() =>
        {
            var random = new Random(1);
            var pattern = new BytePattern(1);
            byte[] bytes = new byte[3000];
            long sent = 0;
            for (int i = 0; i < Messages; i++)
            {
                Span<byte> some = bytes.AsSpan(0, random.Next(1, bytes.Length));
                pattern.Fill(some, sent);
                if (i % 3 == 0)
                {
                    DescriptorSender.Send(client, some, pipe.Write);
                }
                else
                {
                    client.Send(some);
                }

                sent += some.Length;
            }

            client.Shutdown(SocketShutdown.Send);
            return sent;
        });
        long received = await Payload.CheckAsync(connection.Transport.Input, 1, long.MaxValue).InTime();
        Assert.Equal(await sending.InTime(), received);
        pipe.Write.Dispose();
        await pipe.EndAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_descriptor_that_nobody_reads_is_closed_with_the_connection(bool inline)
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline, unix: true);
        await using Listening listening = await transport.ListenAsync();
        using Socket client = Connect(listening);
        ConnectionContext connection = await listening.AcceptAsync();
        using var pipe = new PipeOfTwoEnds();
        DescriptorSender.Send(client, "X"u8, pipe.Write);
        pipe.Write.Dispose();
        await connection.DisposeAsync().InTime();
        await pipe.EndAsync();
    }

    // One that blocks: sendmsg waits for room.
    private static Socket Connect(Listening listening)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(listening.EndPoint);
        return socket;
    }

    /// <summary>Its reading end ends when nobody has the writing end any more: no count is needed.</summary>
    private sealed class PipeOfTwoEnds : IDisposable
    {
        private readonly AnonymousPipeServerStream _read = new(PipeDirection.In);

        public SafePipeHandle Write => _read.ClientSafePipeHandle;

        public async Task EndAsync() => Assert.Equal(0, await Task.Run(() => _read.Read(new byte[1])).InTime("nobody has the pipe's other end"));

        public void Dispose() => _read.Dispose();
    }
}
