using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using LineServer.Linux;
using LineServer.Perf.Linux;

namespace LineServer.Perf.Load;

/// <summary>Where a server listens (IPv4 and IPv6 addresses with a port, and Unix sockets), from where it is connected to, and how it is spoken to.</summary>
internal sealed unsafe class ServerAddress
{
    // Of the 28,232 ephemeral ports that an address has for one server by default (ip_local_port_range), with room for those that wait to be used again.
    private const int ConnectionsASource = 10_000;

    private readonly IPEndPoint? _endPoint;
    private readonly string? _path;
    private readonly byte[] _native;
    private readonly byte[][] _nativeSources;

    private ServerAddress(IPEndPoint? endPoint, string? path, IReadOnlyList<IPAddress> sources)
    {
        (_endPoint, _path, Sources) = (endPoint, path, sources);
        _native = endPoint is not null ? Native(endPoint) : Native(path!);
        _nativeSources = [.. sources.Select(source => Native(new IPEndPoint(source, 0)))];
    }

    /// <summary>Connections leave from these in turn; where there are none, the kernel chooses.</summary>
    public IReadOnlyList<IPAddress> Sources { get; }

    public LineProtocol Protocol { get; private init; } = LineProtocol.Echo;

    public bool IsTcp => _path is null;

    private bool IsLoopback => _endPoint is { AddressFamily: AddressFamily.InterNetwork } && IPAddress.IsLoopback(_endPoint.Address);

    public static ServerAddress Of(IPEndPoint endPoint) => new(endPoint, path: null, []);

    /// <param name="path">Of the socket's file; one that begins with @ is a name in the abstract namespace: unix(7).</param>
    /// <exception cref="UsageException">It is too long for a socket's name.</exception>
    public static ServerAddress Unix(string path) => new(endPoint: null, path, []);

    /// <summary>Reads what <see cref="ToString"/> wrote.</summary>
    public static ServerAddress Parse(string text) => text.StartsWith("unix:", StringComparison.Ordinal) ? Unix(text["unix:".Length..]) : Of(IPEndPoint.Parse(text));

    /// <exception cref="UsageException">They are not of the server's family.</exception>
    public ServerAddress From(IReadOnlyList<IPAddress> sources) =>
        sources.FirstOrDefault(source => source.AddressFamily != _endPoint?.AddressFamily) is { } wrong
            ? throw new UsageException($"no connection to {this} can come from {wrong}")
            : new(_endPoint, _path, sources) { Protocol = Protocol };

    public ServerAddress Speaking(LineProtocol protocol) => new(_endPoint, _path, Sources) { Protocol = protocol };

    /// <summary>So many of this machine's loopback addresses (127.0.0.1, 127.0.0.2, …), where the server is on one of them; otherwise as it is.</summary>
    /// <param name="count">How many.</param>
    /// <param name="first">The first one's last byte.</param>
    public ServerAddress FromLoopback(int count, int first = 1) => IsLoopback && Sources.Count == 0
        ? From([.. Enumerable.Range(first, count).Select(last => new IPAddress([127, 0, 0, (byte)last]))])
        : this;

    /// <summary>As many addresses as so many connections need: to one server, an address has no more than its ephemeral ports.</summary>
    /// <param name="connections">All of them.</param>
    public ServerAddress ForConnections(int connections) => connections <= ConnectionsASource ? this : FromLoopback((connections + ConnectionsASource - 1) / ConnectionsASource);

    /// <summary>Makes a socket that does not block, and begins to connect it, or waits until it is connected.</summary>
    /// <param name="index">The connection's number: it chooses the source.</param>
    /// <param name="wait">Whether it waits.</param>
    /// <exception cref="RunFailedException">There is nobody, or this machine does not allow another.</exception>
    public int Connect(int index, bool wait = true)
    {
        int socket = Libc.Socket(_native[0], Libc.SocketStream | Libc.CloseOnExec | (wait ? 0 : Libc.NonBlocking), 0);
        if (socket < 0)
        {
            int failure = Marshal.GetLastSystemError();
            throw new RunFailedException(failure == (int)Errno.EMFILE
                ? $"no descriptor is left for connection {index}: raise the limit (ulimit -n)"
                : $"cannot make a socket for connection {index}: {Marshal.GetPInvokeErrorMessage(failure)}");
        }

        int on = 1;
        if (_nativeSources.Length > 0)
        {
            // Its port is chosen when it is known whereto, so that one port may serve for several servers: ip(7).
            _ = Libc.SetSocketOption(socket, MeasuringCalls.LevelIp, MeasuringCalls.BindAddressNoPort, &on, sizeof(int));
            byte[] source = _nativeSources[index % _nativeSources.Length];
            fixed (byte* address = source)
            {
                if (Libc.Bind(socket, address, source.Length) != 0)
                {
                    // Before all else: making a text may change it.
                    int error = Marshal.GetLastSystemError();
                    throw Failed(socket, index, $"cannot leave from {Sources[index % Sources.Count]}", error);
                }
            }
        }

        fixed (byte* address = _native)
        {
            if (Libc.Connect(socket, address, _native.Length) != 0 && Marshal.GetLastSystemError() is var error && (wait || error != (int)Errno.EINPROGRESS))
            {
                throw Failed(socket, index, "failed", error);
            }
        }

        if (IsTcp)
        {
            _ = Libc.SetSocketOption(socket, Libc.LevelTcp, MeasuringCalls.TcpNoDelay, &on, sizeof(int));
        }

        if (wait)
        {
            _ = MeasuringCalls.FileControl(socket, MeasuringCalls.SetFlags, Libc.NonBlocking);
        }

        return socket;
    }

    public override string ToString() => _path is not null ? $"unix:{_path}" : _endPoint!.ToString();

    private RunFailedException Failed(int socket, int index, string what, int error)
    {
        _ = Libc.Close(socket);
        return new(error == (int)Errno.EADDRNOTAVAIL
            ? $"connection {index} to {this}: no port is left for another, or this machine does not have the address it should leave from"
            : $"connection {index} to {this} {what}: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    // struct sockaddr_in, and sockaddr_in6 with its flow and scope, of <netinet/in.h>. The family's first byte is all of it that is not 0.
    private static byte[] Native(IPEndPoint endPoint)
    {
        bool isIPv6 = endPoint.AddressFamily == AddressFamily.InterNetworkV6;
        byte[] address = new byte[isIPv6 ? 28 : 16];
        address[0] = (byte)(isIPv6 ? Libc.AddressFamilyInet6 : Libc.AddressFamilyInet);
        BinaryPrimitives.WriteUInt16BigEndian(address.AsSpan(2), (ushort)endPoint.Port);
        _ = endPoint.Address.TryWriteBytes(address.AsSpan(isIPv6 ? 8 : 4), out _);
        if (isIPv6)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(address.AsSpan(24), (uint)endPoint.Address.ScopeId);
        }

        return address;
    }

    // struct sockaddr_un: unix(7). A path ends with a NUL, a name in the abstract namespace begins with one.
    private static byte[] Native(string path)
    {
        const int PathSize = 108;
        byte[] name = Encoding.UTF8.GetBytes(path);
        bool isAbstract = path.StartsWith('@');
        if (name.Length == 0 || name.Length + (isAbstract ? 0 : 1) > PathSize)
        {
            throw new UsageException($"'{path}' is no name of a Unix socket: it has 1 to {PathSize - 1} bytes");
        }

        name[0] = isAbstract ? (byte)0 : name[0];
        return [Libc.AddressFamilyUnix, 0, .. name, .. isAbstract ? Array.Empty<byte>() : [0]];
    }
}
