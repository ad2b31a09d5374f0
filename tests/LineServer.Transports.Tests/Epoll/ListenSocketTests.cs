using System.Net;
using System.Net.Sockets;
using LineServer.Transports.Epoll;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>What is listened on, and its options.</summary>
public sealed class ListenSocketTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("epoll-");

    private string File => Path.Combine(_directory.FullName, "lines.sock");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task A_stale_socket_file_is_replaced()
    {
        LeaveStaleFile();
        await using EpollTransportFactory factory = Create();
        await using IConnectionListener listener = await factory.BindAsync(new UnixDomainSocketEndPoint(File));
        using SocketPeer peer = await SocketPeer.ConnectAsync(listener.EndPoint);
        Assert.NotNull(await listener.AcceptAsync().InTime());
    }

    [Fact]
    public async Task A_socket_file_that_somebody_listens_on_is_left_alone()
    {
        await using EpollTransportFactory factory = Create();
        await using IConnectionListener first = await factory.BindAsync(new UnixDomainSocketEndPoint(File));
        await Assert.ThrowsAsync<AddressInUseException>(async () => await factory.BindAsync(new UnixDomainSocketEndPoint(File)));
        using SocketPeer peer = await SocketPeer.ConnectAsync(first.EndPoint);
        Assert.NotNull(await first.AcceptAsync().InTime());
    }

    [Fact]
    public async Task A_regular_file_is_not_deleted()
    {
        await System.IO.File.WriteAllTextAsync(File, "precious");
        await using EpollTransportFactory factory = Create();
        await Assert.ThrowsAsync<AddressInUseException>(async () => await factory.BindAsync(new UnixDomainSocketEndPoint(File)));
        Assert.Equal("precious", await System.IO.File.ReadAllTextAsync(File));
    }

    [Fact]
    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    public async Task The_socket_file_gets_its_permissions()
    {
        const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;
        await using EpollTransportFactory factory = Create(options => options.UnixSocketMode = Mode);
        await using IConnectionListener listener = await factory.BindAsync(new UnixDomainSocketEndPoint(File));
        Assert.Equal(Mode, System.IO.File.GetUnixFileMode(File));
    }

    [Fact]
    public async Task An_inherited_descriptor_is_listened_on()
    {
        var inherited = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        inherited.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        inherited.Listen();
#pragma warning disable CA1816 // The listener closes it. A finalizer would close whatever has the number then.
        GC.SuppressFinalize(inherited);
        GC.SuppressFinalize(inherited.SafeHandle);
#pragma warning restore CA1816
        await using EpollTransportFactory factory = Create();
        await using IConnectionListener listener = await factory.BindAsync(new FileHandleEndPoint((ulong)inherited.SafeHandle.DangerousGetHandle(), FileHandleType.Auto));
        using SocketPeer peer = await SocketPeer.ConnectAsync(listener.EndPoint);
        Assert.NotNull(await listener.AcceptAsync().InTime());
    }

    [Fact]
    public async Task Accepted_connections_have_the_options_of_their_listener()
    {
        await using EpollTransportFactory factory = Create(options =>
        {
            options.KeepAliveTime = TimeSpan.FromSeconds(77);
            options.KeepAliveInterval = TimeSpan.FromSeconds(7);
            options.KeepAliveRetryCount = 5;
            options.UserTimeout = TimeSpan.FromSeconds(33);
        });
        await using IConnectionListener listener = await factory.BindAsync(new IPEndPoint(IPAddress.Loopback, 0));
        using SocketPeer peer = await SocketPeer.ConnectAsync(listener.EndPoint);
        ConnectionContext connection = (await listener.AcceptAsync().InTime())!;
        Socket socket = connection.Features.Get<Microsoft.AspNetCore.Connections.Features.IConnectionSocketFeature>()!.Socket;
        Assert.True(socket.NoDelay);
        Assert.NotEqual(0, (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)!);
        Assert.Equal(77, socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime));
        Assert.Equal(7, socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval));
        Assert.Equal(5, socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount));
        byte[] userTimeout = new byte[sizeof(int)];
        socket.GetRawSocketOption((int)SocketOptionLevel.Tcp, 18, userTimeout);
        Assert.Equal(33_000, BitConverter.ToInt32(userTimeout));
    }

    [Theory]
    [InlineData("LoopCount")]
    [InlineData("Backlog")]
    [InlineData("MaxReadBufferSize")]
    [InlineData("MaxWriteBufferSize")]
    [InlineData("ReadBudget")]
    [InlineData("KeepAliveRetryCount")]
    [InlineData("ReservedDescriptors")]
    public void An_option_out_of_its_range_is_named(string name)
    {
        OptionsValidationException e = Assert.Throws<OptionsValidationException>(() => Create(options =>
        {
            System.Reflection.PropertyInfo property = typeof(EpollTransportOptions).GetProperty(name)!;
            property.SetValue(options, Convert.ChangeType(-1, Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType, System.Globalization.CultureInfo.InvariantCulture));
        }));
        Assert.Contains(name, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_epoll_event_is_packed_on_x64_only()
    {
        Assert.Equal(12, EpollEvent.SizeOn(System.Runtime.InteropServices.Architecture.X64));
        Assert.Equal(16, EpollEvent.SizeOn(System.Runtime.InteropServices.Architecture.Arm64));
    }

    [Theory]
    [InlineData("192.0.2.1", 7007)]
    [InlineData("2001:db8::1", 65535)]
    [InlineData("fe80::1%3", 1)]
    public void A_peers_address_is_what_the_kernel_has_written(string address, int port)
    {
        var endPoint = new IPEndPoint(IPAddress.Parse(address), port);
        Assert.Equal(endPoint, PeerAddress.Parse(endPoint.Serialize().Buffer.Span).ToEndPoint());
    }

    [Fact]
    public void Another_kind_of_address_is_none()
    {
        Assert.Null(PeerAddress.Parse(new UnixDomainSocketEndPoint("/x").Serialize().Buffer.Span).ToEndPoint());
        Assert.Null(PeerAddress.Parse([]).ToEndPoint());
    }

    private void LeaveStaleFile()
    {
        // As a process that was killed leaves it. .NET removes the file when the socket is disposed, by the name that it knows.
        string other = Path.Combine(_directory.FullName, "other.sock");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(other));
        System.IO.File.Move(other, File);
    }

    private static EpollTransportFactory Create(Action<EpollTransportOptions>? configure = null)
    {
        var options = new EpollTransportOptions { LoopCount = 1 };
        configure?.Invoke(options);
        return new EpollTransportFactory(Options.Create(options), NullLoggerFactory.Instance);
    }
}
