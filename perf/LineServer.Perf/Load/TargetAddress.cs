using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using LineServer.Linux;
using LineServer.Perf.Linux;

namespace LineServer.Perf.Load;

/// <summary>
/// The address of the server under load (IP address and port, or Unix socket), the source addresses of
/// connections to it, and its protocol.
/// </summary>
internal sealed unsafe class TargetAddress
{
    // An address has 28,232 ephemeral ports for one server by default (ip_local_port_range). The rest is room
    // for ports in TIME_WAIT.
    private const int ConnectionsASource = 10_000;

    private readonly IPEndPoint? _endPoint;
    private readonly string? _path;
    private readonly byte[] _native;
    private readonly byte[][] _nativeSources;

    private TargetAddress(IPEndPoint? endPoint, string? path, IReadOnlyList<IPAddress> sources)
    {
        (_endPoint, _path, Sources) = (endPoint, path, sources);
        _native = endPoint is not null ? Native(endPoint) : Native(path!);
        _nativeSources = [.. sources.Select(source => Native(new IPEndPoint(source, 0)))];
    }

    /// <summary>The source addresses of connections, in turn. If empty, the kernel chooses.</summary>
    public IReadOnlyList<IPAddress> Sources { get; }

    public LineProtocol Protocol { get; private init; } = LineProtocol.Echo;

    public bool IsTcp => _path is null;

    private bool IsLoopback =>
        _endPoint is { AddressFamily: AddressFamily.InterNetwork } && IPAddress.IsLoopback(_endPoint.Address);

    public static TargetAddress Of(IPEndPoint endPoint) => new(endPoint, path: null, []);

    /// <param name="path">A path, or @ and an abstract name: <see cref="AddressText"/>.</param>
    /// <exception cref="UsageException">The path is empty or too long.</exception>
    public static TargetAddress Unix(string path) =>
        AddressText.TryParseUnix(path, absolute: false, out string? parsed, out string? problem)
            ? new(endPoint: null, parsed, [])
            : throw new UsageException(problem);

    /// <summary>Parses the output of <see cref="ToString"/>.</summary>
    public static TargetAddress Parse(string text) =>
        text.StartsWith("unix:", StringComparison.Ordinal) ? Unix(text["unix:".Length..]) : Of(IPEndPoint.Parse(text));

    /// <exception cref="UsageException">A source is not of the server's address family.</exception>
    public TargetAddress From(IReadOnlyList<IPAddress> sources) =>
        sources.FirstOrDefault(source => source.AddressFamily != _endPoint?.AddressFamily) is { } wrong
            ? throw new UsageException($"no connection to {this} can come from {wrong}")
            : new(_endPoint, _path, sources) { Protocol = Protocol };

    public TargetAddress Speaking(LineProtocol protocol) => new(_endPoint, _path, Sources) { Protocol = protocol };

    /// <summary>
    /// Adds loopback addresses (127.0.0.1, 127.0.0.2, …) as sources if the server is on one and there are no
    /// sources.
    /// </summary>
    /// <param name="count">The number of addresses.</param>
    /// <param name="first">The last byte of the first.</param>
    public TargetAddress FromLoopback(int count, int first = 1) => IsLoopback && Sources.Count == 0
        ? From([.. Enumerable.Range(first, count).Select(last => new IPAddress([127, 0, 0, (byte)last]))])
        : this;

    /// <summary>
    /// Adds as many sources as the connections need: from one address there are only so many ephemeral ports.
    /// </summary>
    /// <param name="connections">The number of all connections.</param>
    public TargetAddress ForConnections(int connections) =>
        connections <= ConnectionsASource
            ? this
            : FromLoopback((connections + ConnectionsASource - 1) / ConnectionsASource);

    /// <summary>Creates a non-blocking socket and connects it, or begins to.</summary>
    /// <param name="index">The number of the connection, which selects the source.</param>
    /// <param name="wait">True to wait until it is connected.</param>
    /// <exception cref="RunFailedException">
    /// The server does not accept, or no descriptor or port is left.
    /// </exception>
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
            // The kernel then selects the port at connect, so that one port can serve several servers: ip(7).
            _ = Libc.SetSocketOption(
                socket, MeasuringCalls.LevelIp, MeasuringCalls.BindAddressNoPort, &on, sizeof(int));
            byte[] source = _nativeSources[index % _nativeSources.Length];
            fixed (byte* address = source)
            {
                if (Libc.Bind(socket, address, source.Length) != 0)
                {
                    // Read it first: formatting a message may change it.
                    int error = Marshal.GetLastSystemError();
                    throw Failed(socket, index, $"cannot leave from {Sources[index % Sources.Count]}", error);
                }
            }
        }

        fixed (byte* address = _native)
        {
            if (Libc.Connect(socket, address, _native.Length) != 0
                && Marshal.GetLastSystemError() is var error
                && (wait || error != (int)Errno.EINPROGRESS))
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
            ? $"connection {index} to {this}: no port is left for another, " +
              "or this machine does not have the address it should leave from"
            : $"connection {index} to {this} {what}: {Marshal.GetPInvokeErrorMessage(error)}");
    }

    // struct sockaddr_in, and sockaddr_in6 with its flow and scope, of netinet/in.h. Only the first byte of
    // the family is not 0.
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

    // struct sockaddr_un: unix(7). A path ends with NUL, an abstract name begins with it.
    private static byte[] Native(string path)
    {
        byte[] name = Encoding.UTF8.GetBytes(path);
        bool isAbstract = AddressText.IsAbstract(path);
        name[0] = isAbstract ? (byte)0 : name[0];
        return [Libc.AddressFamilyUnix, 0, .. name, .. isAbstract ? Array.Empty<byte>() : [0]];
    }
}
