using System.Buffers;
using System.Net.Sockets;
using System.Text;

namespace LineServer.Client.Tests.Streams;

/// <summary>One connection of an <see cref="AckServer"/>, in steps.</summary>
internal sealed class AckConnection(AckServer server, Socket socket)
{
    private readonly byte[] _buffer = new byte[64 * 1024];
    private readonly ArrayBufferWriter<byte> _unfinished = new();
    private int _attachment;

    /// <summary>The bytes that came and are not stored yet.</summary>
    private ReadOnlyMemory<byte> _unread;

    public AckServer Server => server;

    /// <summary>The bytes after the last LF, when the client has half-closed.</summary>
    public long Unfinished => _unfinished.WrittenCount;

    /// <summary>Plays by the rules to the end.</summary>
    public async Task ServeAsync()
    {
        await OkAsync();
        await FinishAsync();
    }

    /// <summary>After OK: stores and acknowledges all, and says BYE.</summary>
    public async Task FinishAsync()
    {
        while (await TakeAsync())
        {
            await AckAsync();
        }

        await AckAsync();
        await SendAsync($"BYE {server.Count} {_unfinished.WrittenCount}\n");
    }

    /// <summary>Reads the opening.</summary>
    public async Task<string> OpeningAsync()
    {
        var opening = new StringBuilder();
        byte[] one = new byte[1];
        while (await socket.ReceiveAsync(one) == 1 && one[0] != '\n')
        {
            opening.Append((char)one[0]);
        }

        return opening.ToString();
    }

    /// <summary>Reads the opening and answers OK.</summary>
    /// <param name="change">Changes the answer.</param>
    public async Task OkAsync(Func<string, string>? change = null)
    {
        (_attachment, string ok) = server.Attach(await OpeningAsync());
        await SendAsync(change is null ? ok : change(ok));
    }

    /// <summary>Stores what comes next, without an ACK.</summary>
    /// <returns>False when the client has half-closed.</returns>
    public async Task<bool> TakeAsync(int mostLines = int.MaxValue)
    {
        if (_unread.IsEmpty)
        {
            _unread = _buffer.AsMemory(0, await socket.ReceiveAsync(_buffer));
            if (_unread.IsEmpty)
            {
                return false;
            }
        }

        int length = 0;
        for (int lines = 0; lines < mostLines && _unread.Span[length..].IndexOf((byte)'\n') is int lineFeed and >= 0; lines++)
        {
            length += lineFeed + 1;
        }

        if (length > 0)
        {
            _unfinished.Write(_unread.Span[..length]);
            bool isNewest = server.TryStore(_attachment, _unfinished.WrittenSpan);
            _unfinished.ResetWrittenCount();
            if (!isNewest)
            {
                await SendAsync("ERR 409 superseded\n");
                throw new SocketException((int)SocketError.ConnectionAborted);
            }
        }

        _unread = _unread[length..];
        if (_unread.Span.IndexOf((byte)'\n') < 0)
        {
            _unfinished.Write(_unread.Span);
            _unread = default;
        }

        return true;
    }

    /// <summary>Stores until the stream has so many lines.</summary>
    public async Task TakeUntilAsync(long count)
    {
        while (server.Count < count)
        {
            Assert.True(await TakeAsync((int)(count - server.Count)));
        }
    }

    /// <summary>Receives bytes without storing them.</summary>
    public async Task<byte[]> PeekAsync(int length)
    {
        byte[] bytes = new byte[length];
        int filled = Math.Min(length, _unread.Length);
        _unread[..filled].CopyTo(bytes);
        while (filled < length && await socket.ReceiveAsync(bytes.AsMemory(filled)) is int received and > 0)
        {
            filled += received;
        }

        return bytes;
    }

    public Task AckAsync() => SendAsync($"ACK {server.Count}\n");

    public async Task SendAsync(string text) => await socket.SendAsync(Encoding.Latin1.GetBytes(text));

    public Task<long> DiscardAsync() => Serve.DiscardAsync(socket);

    /// <summary>Closes so that the client gets a reset.</summary>
    public void Reset() => Serve.Reset(socket);
}
