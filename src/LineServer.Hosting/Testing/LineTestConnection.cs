using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using LineServer.Hosting.Internal;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Hosting.Testing;

/// <summary>
/// A client connected to a handler in memory: no socket, no thread of its own, and no waiting. What is sent arrives at once and in the
/// pieces it was sent in: when <see cref="SendAsync(ReadOnlyMemory{byte})"/> returns, a handler that does not wait has handled it.
/// </summary>
/// <example>
/// <code>
/// await using var client = LineTestConnection.Connect(lines => lines.UseLines((in line, reply) => reply.WriteLine(line)));
/// await client.SendAsync("a\nb\n");
/// Assert.Equal("a", await client.ReadLineAsync());
/// </code>
/// </example>
public sealed class LineTestConnection : IAsyncDisposable
{
    private readonly TestConnectionContext _server;
    private readonly Task _served;
    private readonly PipeWriter _output;
    private readonly PipeReader _input;

    private LineTestConnection(ConnectionDelegate application, long maxWriteBufferSize)
    {
        // Run-to-completion both ways: what the test does next happens after what it has caused.
        var toServer = new Pipe(new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false));
        var toClient = new Pipe(new PipeOptions(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: maxWriteBufferSize, resumeWriterThreshold: maxWriteBufferSize / 2, useSynchronizationContext: false));
        _output = toServer.Writer;
        _input = toClient.Reader;
        _server = new TestConnectionContext(toServer, toClient);
        _served = application(_server);
    }

    /// <summary>Ends when the server has ended the connection.</summary>
    public Task Closed => _served;

    /// <summary>Connects to what <paramref name="configure"/> puts on a connection.</summary>
    /// <param name="configure">For instance <c>lines => lines.UseLines&lt;ChatHandler&gt;()</c>.</param>
    /// <param name="services">What the handler gets injected; a <see cref="TimeProvider"/> among them is the connection's clock.</param>
    /// <param name="maxWriteBufferSize">What the client may leave unread before the server waits, in bytes.</param>
    public static LineTestConnection Connect(Action<IConnectionBuilder> configure, IServiceProvider? services = null, int maxWriteBufferSize = 64 * 1024) =>
        new(Build(configure, services), maxWriteBufferSize);

    /// <summary>What <see cref="Connect(Action{IConnectionBuilder}, IServiceProvider?, int)"/> connects to, for several connections to one endpoint.</summary>
    public static ConnectionDelegate Build(Action<IConnectionBuilder> configure, IServiceProvider? services = null)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var builder = new ConnectionBuilder(services ?? EmptyServices.Instance);
        configure(builder);
        return builder.Build();
    }

    /// <summary>Connects to an endpoint that others connect to as well.</summary>
    public static LineTestConnection Connect(ConnectionDelegate endpoint, int maxWriteBufferSize = 64 * 1024)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        return new LineTestConnection(endpoint, maxWriteBufferSize);
    }

    /// <summary>Sends bytes, as one piece.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await _output.WriteAsync(bytes);

    /// <summary>Sends text, in UTF-8, as one piece.</summary>
    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    /// <summary>The next line from the server, without its LF; null at the end of the stream.</summary>
    /// <exception cref="ConnectionResetException">The server aborted the connection.</exception>
    public async Task<string?> ReadLineAsync()
    {
        while (true)
        {
            ReadResult read = await _input.ReadAsync();
            if (read.Buffer.PositionOf((byte)'\n') is { } end)
            {
                string line = Encoding.UTF8.GetString(read.Buffer.Slice(0, end));
                _input.AdvanceTo(read.Buffer.GetPosition(1, end));
                return line;
            }

            _input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            if (read.IsCompleted)
            {
                ThrowIfAborted();
                return read.Buffer.IsEmpty ? null : throw new EndOfStreamException("The stream ended within a line.");
            }
        }
    }

    /// <summary>What the server has sent and was not read yet; nothing is waited for.</summary>
    public string ReadAvailable()
    {
        if (!_input.TryRead(out ReadResult read))
        {
            return string.Empty;
        }

        string text = Encoding.UTF8.GetString(read.Buffer);
        _input.AdvanceTo(read.Buffer.End);
        return text;
    }

    /// <summary>All that comes until the server's FIN.</summary>
    /// <exception cref="ConnectionResetException">The server aborted the connection.</exception>
    public async Task<string> ReadToEndAsync()
    {
        while (true)
        {
            ReadResult read = await _input.ReadAsync();
            if (read.IsCompleted)
            {
                ThrowIfAborted();
                string text = Encoding.UTF8.GetString(read.Buffer);
                _input.AdvanceTo(read.Buffer.End);
                return text;
            }

            _input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    /// <summary>FIN: nothing more will be sent; replies can still be read.</summary>
    public void HalfClose() => _output.Complete();

    /// <summary>RST: the server's reads and sends fail from now on.</summary>
    public void Reset()
    {
        _output.Complete(new ConnectionResetException("Reset by the client."));
        _input.Complete(new ConnectionResetException("Reset by the client."));
    }

    /// <summary>The server is stopping, as a host tells its connections.</summary>
    public void Drain() => _server.RequestClose();

    /// <summary>Closes, if that has not been done, and waits for the server to end the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        await _output.CompleteAsync();
        await _input.CompleteAsync();
        await _served;
        await _server.DisposeAsync();
    }

    private void ThrowIfAborted()
    {
        if (_server.IsAborted)
        {
            throw new ConnectionResetException("Reset by the server.");
        }
    }

    private sealed class EmptyServices : IServiceProvider
    {
        public static readonly EmptyServices Instance = new();

        public object? GetService(Type serviceType) => null;
    }
}
