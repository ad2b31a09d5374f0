using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using LineServer.Hosting.Internal;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace LineServer.Hosting.Testing;

/// <summary>
/// An in-memory client connected to a handler: no socket, no thread, no waiting. Bytes arrive at once, in the
/// pieces they were sent in. When <see cref="SendAsync(ReadOnlyMemory{byte})"/> returns, a handler that does
/// not await has handled them.
/// </summary>
/// <example>
/// <code>
/// await using var client = LineTestConnection.Connect(
///     lines => lines.UseLines((in line, reply) => reply.WriteLine(line)));
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
        // Run both directions to completion: the test's next step happens after everything that its last one
        // caused.
        var toServer = new Pipe(new PipeOptions(
            readerScheduler: PipeScheduler.Inline,
            writerScheduler: PipeScheduler.Inline,
            pauseWriterThreshold: 0,
            useSynchronizationContext: false));
        var toClient = new Pipe(new PipeOptions(
            readerScheduler: PipeScheduler.Inline,
            writerScheduler: PipeScheduler.Inline,
            pauseWriterThreshold: maxWriteBufferSize,
            resumeWriterThreshold: maxWriteBufferSize / 2,
            useSynchronizationContext: false));
        _output = toServer.Writer;
        _input = toClient.Reader;
        _server = new TestConnectionContext(toServer, toClient);
        _served = application(_server);
    }

    /// <summary>Completes when the server has ended the connection.</summary>
    public Task Closed => _served;

    /// <summary>Connects to the pipeline that <paramref name="configure"/> builds.</summary>
    /// <param name="configure">For instance <c>lines => lines.UseLines&lt;ChatHandler&gt;()</c>.</param>
    /// <param name="services">
    /// The services for the handler. A <see cref="TimeProvider"/> among them is the connection's clock.
    /// </param>
    /// <param name="maxWriteBufferSize">
    /// How many bytes the client may leave unread before the server waits.
    /// </param>
    public static LineTestConnection Connect(Action<IConnectionBuilder> configure, IServiceProvider? services = null, int maxWriteBufferSize = 64 * 1024) =>
        new(Build(configure, services), maxWriteBufferSize);

    /// <summary>Builds an endpoint to which several test connections can connect.</summary>
    public static ConnectionDelegate Build(Action<IConnectionBuilder> configure, IServiceProvider? services = null)
    {
        ArgumentNullException.ThrowIfNull(configure);
        var builder = new ConnectionBuilder(services ?? EmptyServices.Instance);
        configure(builder);
        return builder.Build();
    }

    /// <summary>Connects to an endpoint shared with other test connections.</summary>
    public static LineTestConnection Connect(ConnectionDelegate endpoint, int maxWriteBufferSize = 64 * 1024)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        return new LineTestConnection(endpoint, maxWriteBufferSize);
    }

    /// <summary>Sends bytes in one piece.</summary>
    public async Task SendAsync(ReadOnlyMemory<byte> bytes) => await _output.WriteAsync(bytes);

    /// <summary>Sends text as UTF-8 in one piece.</summary>
    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    /// <summary>
    /// Reads the next line from the server, without its LF. Returns null at the end of the stream.
    /// </summary>
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

    /// <summary>Returns what the server has sent and the test has not read. Does not wait.</summary>
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

    /// <summary>Reads everything up to the server's FIN.</summary>
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

    /// <summary>Sends FIN. Replies can still be read.</summary>
    public void HalfClose() => _output.Complete();

    /// <summary>Sends RST: the server's later reads and sends fail.</summary>
    public void Reset()
    {
        _output.Complete(new ConnectionResetException("Reset by the client."));
        _input.Complete(new ConnectionResetException("Reset by the client."));
    }

    /// <summary>Tells the connection that the server is stopping, as a host would.</summary>
    public void Drain() => _server.RequestClose();

    /// <summary>Closes the connection if it is open, and waits until the server has ended it.</summary>
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
