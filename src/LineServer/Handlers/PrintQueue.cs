using System.Buffers;
using System.Globalization;
using System.Text;
using System.Threading.Channels;
using LineServer.Daemon;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

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
    private readonly CancellationToken _abort;
    private readonly bool _isTerminal = !Console.IsOutputRedirected;
    private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly CancellationTokenRegistration _abortRegistration;
    private long _waitingBytes;

    public PrintQueue(IHostApplicationLifetime lifetime, ExitStatus exitStatus, AbortSignal abort, ILogger<PrintQueue> logger)
    {
        _lifetime = lifetime;
        _exitStatus = exitStatus;
        _abort = abort.Token;
        _logger = logger;
        _abortRegistration = _abort.Register(() => _pieces.Writer.TryComplete());
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
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _abort);
        try
        {
            await _written.Task.WaitAsync(stop.Token);
        }
        catch (OperationCanceledException)
        {
            _exitStatus.Fail();
            _logger.LogCritical("standard output is not read: {Count} bytes were not written", Interlocked.Read(ref _waitingBytes));
        }
    }

    public void Dispose() => _abortRegistration.Dispose();

    /// <summary>Queues a piece of output. False: the queue is full, or closed.</summary>
    public bool TryWrite(ReadOnlyMemory<byte> piece)
    {
        bool queued = _pieces.Writer.TryWrite(piece);
        if (queued)
        {
            Interlocked.Add(ref _waitingBytes, piece.Length);
        }

        return queued;
    }

    /// <summary>Queues a piece of output; waits while the queue is full. False: it is closed.</summary>
    public async ValueTask<bool> WriteAsync(ReadOnlyMemory<byte> piece, CancellationToken cancellationToken)
    {
        try
        {
            while (await _pieces.Writer.WaitToWriteAsync(cancellationToken))
            {
                if (TryWrite(piece))
                {
                    return true;
                }
            }
        }
        catch (IOException)
        {
            // What the channel was completed with.
        }

        return false;
    }

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
                    StandardOutput.Write(piece.Span);
                    Interlocked.Add(ref _waitingBytes, -piece.Length);
                }
            }
        }
        catch (IOException e)
        {
            _logger.LogCritical("standard output cannot be written: {Problem}; the server stops", e.Message);
            _exitStatus.Fail();
            _pieces.Writer.TryComplete(e);
            _lifetime.StopApplication();
        }

        _written.TrySetResult();
    }
}
