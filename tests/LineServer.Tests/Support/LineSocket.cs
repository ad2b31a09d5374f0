using System.Net;
using System.Net.Sockets;
using System.Text;

namespace LineServer.Tests.Support;

/// <summary>
/// A client at socket level: the test decides what it sends and when, and how it ends, and sees exactly what
/// it receives. One byte per character.
/// </summary>
internal sealed class LineSocket : IDisposable
{
    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _end;

    private LineSocket(Socket socket) => Socket = socket;

    public Socket Socket { get; }

    public static async Task<LineSocket> ConnectAsync(EndPoint endPoint)
    {
        bool isUnix = endPoint is UnixDomainSocketEndPoint;
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, isUnix ? ProtocolType.Unspecified : ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(endPoint).Guarded();
            return new LineSocket(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await Socket.SendAsync(bytes).Guarded()..];
        }
    }

    /// <summary>
    /// Sends until nothing more is taken: neither the kernel's buffers nor the server's had room for half a
    /// second.
    /// </summary>
    public void SendUntilStuck(ReadOnlySpan<byte> bytes)
    {
        Socket.Blocking = false;
        while (Socket.Poll(TimeSpan.FromSeconds(2), SelectMode.SelectWrite))
        {
            Assert.False(bytes.IsEmpty, "all of it was taken");
            bytes = bytes[Socket.Send(bytes, SocketFlags.None, out _)..];
        }
    }

    public void HalfClose() => Socket.Shutdown(SocketShutdown.Send);

    /// <summary>Closes the connection with RST.</summary>
    public void Reset()
    {
        Socket.LingerState = new LingerOption(enable: true, seconds: 0);
        Socket.Dispose();
    }

    /// <summary>Reads acknowledgements until one covers so many lines: those of one send may be committed apart.</summary>
    public async Task ReadAcknowledgementAsync(int count)
    {
        string? line;
        do
        {
            line = await ReadLineAsync();
            Assert.Contains(line, Enumerable.Range(1, count).Select(each => $"ACK {each}"), StringComparer.Ordinal);
        }
        while (line != $"ACK {count}");
    }

    /// <summary>Reads a line without its LF; null at FIN.</summary>
    public async Task<string?> ReadLineAsync()
    {
        var line = new StringBuilder();
        while (true)
        {
            int length = _buffer.AsSpan(_start.._end).IndexOf((byte)'\n');
            if (length >= 0)
            {
                line.Append(Encoding.Latin1.GetString(_buffer, _start, length));
                _start += length + 1;
                return line.ToString();
            }

            line.Append(Encoding.Latin1.GetString(_buffer, _start, _end - _start));
            if (!await ReceiveAsync())
            {
                Assert.Equal("", line.ToString());
                return null;
            }
        }
    }

    /// <summary>Reads everything up to FIN. Throws on RST.</summary>
    public async Task<string> ReadToEndAsync()
    {
        var text = new StringBuilder();
        do
        {
            text.Append(Encoding.Latin1.GetString(_buffer, _start, _end - _start));
        }
        while (await ReceiveAsync());
        return text.ToString();
    }

    public void Dispose() => Socket.Dispose();

    private async Task<bool> ReceiveAsync()
    {
        _start = 0;
        _end = await Socket.ReceiveAsync(_buffer.AsMemory()).Guarded();
        return _end > 0;
    }
}
