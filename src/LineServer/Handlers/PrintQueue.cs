using System.Buffers;
using System.Globalization;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace LineServer.Handlers;

/// <summary>
/// What waits to be written to standard output, and the thread that writes it: a terminal or a pipe may block, and no connection must.
/// </summary>
internal sealed class PrintQueue : IHostedService, IDisposable
{
    private const int Capacity = 64;

    private readonly Channel<ReadOnlyMemory<byte>> _pieces = Channel.CreateBounded<ReadOnlyMemory<byte>>(
        new BoundedChannelOptions(Capacity) { SingleReader = true });

    private readonly IHostApplicationLifetime _lifetime;
    private readonly ILogger<PrintQueue> _logger;
    private readonly ExitStatus _exitStatus;
    private readonly bool _isTerminal = !Console.IsOutputRedirected;
    private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Not Console's stream: that swallows EPIPE, and lines would be lost without a word.
    private readonly FileStream _output = new(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);

    public PrintQueue(IHostApplicationLifetime lifetime, ExitStatus exitStatus, ILogger<PrintQueue> logger)
    {
        _lifetime = lifetime;
        _exitStatus = exitStatus;
        _logger = logger;
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        new Thread(WritePieces) { IsBackground = true, Name = "print" }.Start();
        return Task.CompletedTask;
    }

    /// <summary>Waits until all is written: the connections have ended by now.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _pieces.Writer.TryComplete();
        await _written.Task.WaitAsync(cancellationToken);
    }

    public void Dispose() => _output.Dispose();

    /// <summary>Queues a piece of output. Waits while the queue is full.</summary>
    public ValueTask WriteAsync(ReadOnlyMemory<byte> piece) => _pieces.Writer.WriteAsync(piece);

    /// <summary>A line as it is printed: its bytes, but on a terminal no byte that would control the terminal.</summary>
    public void Format(ReadOnlySpan<byte> line, IBufferWriter<byte> output)
    {
        if (!_isTerminal)
        {
            output.Write(line);
            return;
        }

        while (!line.IsEmpty)
        {
            OperationStatus status = Rune.DecodeFromUtf8(line, out Rune rune, out int length);
            if (status == OperationStatus.Done && (rune.Value == '\t' || !Rune.IsControl(rune)))
            {
                output.Write(line[..length]);
            }
            else
            {
                foreach (byte b in line[..length])
                {
                    output.Write(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\\x{b:X2}")));
                }
            }

            line = line[length..];
        }
    }

    private void WritePieces()
    {
        try
        {
            ChannelReader<ReadOnlyMemory<byte>> pieces = _pieces.Reader;
#pragma warning disable VSTHRD002 // This thread is here to block.
            while (pieces.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
#pragma warning restore VSTHRD002
            {
                while (pieces.TryRead(out ReadOnlyMemory<byte> piece))
                {
                    _output.Write(piece.Span);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _logger.LogCritical("Standard output cannot be written ({Problem}); the server stops", e.Message);
            _exitStatus.Fail();
            _pieces.Writer.TryComplete(e);
            _lifetime.StopApplication();
        }

        _written.TrySetResult();
    }
}
