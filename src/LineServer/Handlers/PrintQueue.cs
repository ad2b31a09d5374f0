using System.Threading.Channels;
using LineServer.Daemon;
using LineServer.Linux;
using LineServer.Systemd;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LineServer.Handlers;

/// <summary>
/// Pieces of output that wait for standard output, and the thread that writes them. A terminal or a pipe may
/// block, and must not block a connection.
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

    /// <summary>
    /// The priority "informational", which journald expects before each line (sd-daemon(3)). Empty elsewhere.
    /// </summary>
    public string Priority { get; } = SystemdJournal.IsBehind(StandardStream.Output) ? "<6>" : string.Empty;

    /// <exception cref="StartException">There is no standard output.</exception>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (!StandardStream.Output.IsOpen)
        {
            throw new StartException("the handler 'print' needs a standard output, and it is closed");
        }

        new Thread(WritePieces) { IsBackground = true, Name = "print" }.Start();
        return Task.CompletedTask;
    }

    /// <summary>Waits until everything is written. The connections have ended by now.</summary>
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
            DaemonLog.OutputNotRead(_logger, Interlocked.Read(ref _waitingBytes));
        }
    }

    public void Dispose() => _abortRegistration.Dispose();

    /// <summary>Queues a piece of output. Returns false if the queue is full or closed.</summary>
    public bool TryWrite(ReadOnlyMemory<byte> piece)
    {
        bool queued = _pieces.Writer.TryWrite(piece);
        if (queued)
        {
            Interlocked.Add(ref _waitingBytes, piece.Length);
        }

        return queued;
    }

    /// <summary>
    /// Queues a piece of output, and waits while the queue is full. Returns false if the queue is closed.
    /// </summary>
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
            // The exception with which the channel was completed.
        }

        return false;
    }

    private void WritePieces()
    {
        try
        {
            ChannelReader<ReadOnlyMemory<byte>> pieces = _pieces.Reader;
#pragma warning disable VSTHRD002 // This thread exists to block.
            while (pieces.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
#pragma warning restore VSTHRD002
            {
                while (pieces.TryRead(out ReadOnlyMemory<byte> piece))
                {
                    StandardStream.Output.Write(piece.Span);
                    Interlocked.Add(ref _waitingBytes, -piece.Length);
                }
            }
        }
        catch (IOException e)
        {
            DaemonLog.OutputFailed(_logger, e.Message);
            _exitStatus.Fail();
            _pieces.Writer.TryComplete(e);
            _lifetime.StopApplication();
        }

        _written.TrySetResult();
    }
}
