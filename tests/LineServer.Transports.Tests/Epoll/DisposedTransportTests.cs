using System.Net;
using System.Net.Sockets;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>Clients of a transport that is disposed meanwhile: each connect ends, and nothing is left of it.</summary>
[Collection(nameof(Alone))]
public class DisposedTransportTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_connect_that_waits_ends_with_an_exception_when_its_transport_is_disposed(bool inline)
    {
        // A backlog that is full lets connect(2) wait.
        using Socket full = Listen(backlog: 0);
        using Socket first = Connect(full);
        int before = Descriptors.Transports();
        EpollTransport<LinuxSystemCalls> transport = new EpollUnderTest<LinuxSystemCalls>(inline).Create(new TransportSettings());
        Task<ConnectionContext>[] connecting = [.. Enumerable.Range(0, 8).Select(_ => transport.ConnectAsync(full.LocalEndPoint!).AsTask())];
        Task<ConnectionContext>[] waiting = [.. connecting.Where(connect => !connect.IsCompleted)];
        Assert.NotEmpty(waiting);
        await transport.DisposeAsync().InTime();
        int failed = 0;
        foreach (Task<ConnectionContext> connect in connecting)
        {
            failed += await EndAsync(connect) is null ? 0 : 1;
        }

        // The kernel may have taken one or two beyond the backlog.
        Assert.InRange(failed, 6, 8);
        await Bounded.UntilTrue(() => Descriptors.Transports() <= before, "no descriptor is left");
    }

    [Fact]
    public async Task A_connect_after_the_end_of_its_transport_fails_and_leaves_no_descriptor()
    {
        using Socket listener = Listen(backlog: 10);
        EpollTransport<LinuxSystemCalls> transport = new EpollUnderTest<LinuxSystemCalls>(inline: false).Create(new TransportSettings());
        await transport.DisposeAsync().InTime();
        int before = Descriptors.Sockets();
        for (int i = 0; i < 50; i++)
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(() => transport.ConnectAsync(listener.LocalEndPoint!).InTime());
        }

        // A finalizer may have closed sockets of other tests meanwhile.
        Assert.InRange(Descriptors.Sockets(), 0, before);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Connects_that_race_with_the_end_of_their_transport_all_end(bool inline)
    {
        const int Clients = 8;
        using Socket listener = Listen(backlog: 4096);
        int before = Descriptors.Transports();
        int rounds = Scale.Rounds;
        for (int round = 0; round < rounds; round++)
        {
            EpollTransport<LinuxSystemCalls> transport = new EpollUnderTest<LinuxSystemCalls>(inline).Create(new TransportSettings());
            using var start = new Barrier(Clients + 1);
            Task<Exception>[] clients = [.. Enumerable.Range(0, Clients).Select(client => Task.Factory.StartNew(
                () => ConnectUntilItFailsAsync(transport, listener, start, reads: client % 2 == 0),
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default).Unwrap())];
            start.SignalAndWait();
            // Some are within a connect.
            Thread.SpinWait(round % 50 * 1000);
            await transport.DisposeAsync().InTime($"the end of round {round}");
            foreach (Task<Exception> client in clients)
            {
                Exception error = await client.InTime($"a client of round {round}");
                Assert.True(error is ObjectDisposedException or ConnectionAbortedException or SocketException { SocketErrorCode: SocketError.OperationAborted }, $"{error}");
            }

            while (listener.Poll(0, SelectMode.SelectRead))
            {
                listener.Accept().Dispose();
            }
        }

        await Bounded.UntilTrue(() => Descriptors.Transports() <= before, "no descriptor is left");
    }

    private static async Task<Exception> ConnectUntilItFailsAsync(EpollTransport<LinuxSystemCalls> transport, Socket listener, Barrier start, bool reads)
    {
        start.SignalAndWait();
        while (true)
        {
            if (await EndAsync(transport.ConnectAsync(listener.LocalEndPoint!).AsTask(), reads) is { } error)
            {
                return error;
            }
        }
    }

    /// <summary>What the connect has failed with, or its first read, which nobody answers; null if there was a connection to dispose.</summary>
    private static async Task<Exception?> EndAsync(Task<ConnectionContext> connect, bool reads = false)
    {
        Exception? error = await Record.ExceptionAsync(() => connect.InTime());
        if (error is not null)
        {
            return error;
        }

        ConnectionContext connection = await connect;
        if (reads)
        {
            error = await Record.ExceptionAsync(() => connection.Transport.Input.ReadAsync().InTime());
        }

        connection.Abort(); // its port is free at once
        await connection.DisposeAsync().InTime();
        return error;
    }

    private static Socket Listen(int backlog)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        socket.Listen(backlog);
        return socket;
    }

    private static Socket Connect(Socket listener)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(listener.LocalEndPoint!);
        return socket;
    }
}
