using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using LineServer.Transports.Epoll;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>A listening socket may be shared with other processes, and be shut down by them.</summary>
public class LostListenerTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_accept_on_a_socket_that_is_shut_down_from_outside_throws_and_says_so(bool unix)
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: false, unix);
        using Socket socket = EpollTransportOptions.CreateDefaultBoundListenSocket(transport.NewEndPoint());
        using Socket shared = Duplicate(socket);
        await using EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings(), options => options.CreateBoundListenSocket = _ => socket);
        IConnectionListener listener = await factory.BindAsync(socket.LocalEndPoint!);
        Task<ConnectionContext?> accepting = listener.AcceptAsync().AsTask();
        Assert.False(accepting.IsCompleted);

        shared.Shutdown(SocketShutdown.Both);

        SocketException error = await Assert.ThrowsAsync<SocketException>(() => accepting.InTime());
        Assert.Contains("no longer listens", error.Message, StringComparison.Ordinal);
        Assert.Contains(listener.EndPoint.ToString()!, error.Message, StringComparison.Ordinal);
        // As often as somebody asks; until it is our own end.
        await Assert.ThrowsAsync<SocketException>(() => listener.AcceptAsync().InTime());
        await listener.UnbindAsync().InTime();
        Assert.Null(await listener.AcceptAsync().InTime());
        await listener.DisposeAsync().InTime();
    }

    [Fact]
    public async Task A_descriptor_that_is_not_owned_can_be_bound_again()
    {
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: false);
        using Socket owner = EpollTransportOptions.CreateDefaultBoundListenSocket(transport.NewEndPoint());
        await using EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings(), options =>
        {
            options.LoopCount = 1;
            options.CreateBoundListenSocket = _ => new Socket(new SafeSocketHandle(owner.Handle, ownsHandle: false));
        });
        for (int round = 0; round < 3; round++)
        {
            IConnectionListener listener = await factory.BindAsync(owner.LocalEndPoint!);
            using Peer peer = await SocketPeer.ConnectAsync(listener.EndPoint);
            ConnectionContext? server = await listener.AcceptAsync().InTime();
            await server!.DisposeAsync().InTime();
            await listener.DisposeAsync().InTime();
        }
    }

    [Fact]
    public async Task What_waits_in_the_queue_of_a_passed_socket_is_left_to_the_next_instance()
    {
        const int Waiting = 10;
        var transport = new EpollUnderTest<LinuxSystemCalls>(inline: false);
        using Socket passing = EpollTransportOptions.CreateDefaultBoundListenSocket(transport.NewEndPoint());
        passing.Listen(512);
        await using EpollTransport<LinuxSystemCalls> factory = transport.Create(new TransportSettings());
        IConnectionListener first = await factory.BindAsync(Pass(passing));
        var peers = new List<Peer>();
        for (int i = 0; i < Waiting; i++)
        {
            peers.Add(await SocketPeer.ConnectAsync(passing.LocalEndPoint!));
            await peers[i].SendAsync(new[] { (byte)i });
        }

        await first.UnbindAsync().InTime();

        Assert.Null(await first.AcceptAsync().InTime());
        await first.DisposeAsync().InTime();
        IConnectionListener next = await factory.BindAsync(Pass(passing));
        for (int i = 0; i < Waiting; i++)
        {
            ConnectionContext? server = await next.AcceptAsync().InTime();
            byte[] line = await server!.Transport.Input.ReadExactlyAsync(1).InTime();
            await server.Transport.Output.WriteAsync(line).InTime();
            await server.DisposeAsync().InTime();
        }

        for (int i = 0; i < Waiting; i++)
        {
            Assert.Equal([(byte)i], await peers[i].ReceiveToEndAsync().InTime());
            peers[i].Dispose();
        }

        await next.DisposeAsync().InTime();
    }

    private static FileHandleEndPoint Pass(Socket socket) => new((ulong)DuplicateDescriptor((int)socket.Handle), FileHandleType.Tcp);

    private static Socket Duplicate(Socket socket) => new(new SafeSocketHandle(DuplicateDescriptor((int)socket.Handle), ownsHandle: true));

    [DllImport("libc", EntryPoint = "dup")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int DuplicateDescriptor(int descriptor);
}
