using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Transports.Tests.Support;

/// <summary>The accept loop of a small host: a task a connection, each disposed when its handler ends. Echoes unless told otherwise.</summary>
internal sealed class EchoServer : IAsyncDisposable
{
    private readonly Listening _listening;
    private readonly Func<ConnectionContext, Task> _handler;
    private readonly Task _accepting;
    private readonly ConcurrentDictionary<Task, bool> _running = new();
    private int _accepted;

    public EchoServer(Listening listening, Func<ConnectionContext, Task>? handler = null)
    {
        (_listening, _handler) = (listening, handler ?? EchoAsync);
        _accepting = Task.Run(AcceptAsync);
    }

    public int Accepted => Volatile.Read(ref _accepted);

    public int Running => _running.Count(running => !running.Key.IsCompleted);

    /// <summary>What handlers have thrown.</summary>
    public ConcurrentQueue<Exception> Errors { get; } = new();

    public static async Task EchoAsync(ConnectionContext connection)
    {
        PipeReader input = connection.Transport.Input;
        PipeWriter output = connection.Transport.Output;
        while (true)
        {
            ReadResult read = await input.ReadAsync();
            foreach (ReadOnlyMemory<byte> segment in read.Buffer)
            {
                output.Write(segment.Span);
            }

            input.AdvanceTo(read.Buffer.End);
            FlushResult flush = await output.FlushAsync();
            if (read.IsCompleted || flush.IsCompleted)
            {
                return;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _listening.Listener.UnbindAsync().InTime();
        await _accepting.InTime("accepting ends after Unbind");
        await Task.WhenAll(_running.Keys).InTime($"handlers end ({Running} still run)");
    }

    private async Task AcceptAsync()
    {
        while (await _listening.Listener.AcceptAsync() is { } connection)
        {
            Interlocked.Increment(ref _accepted);
            Task running = Task.Run(() => HandleAsync(connection));
            _running[running] = true;
            _ = running.ContinueWith(ended => _running.TryRemove(ended, out _), TaskScheduler.Default);
        }
    }

    private async Task HandleAsync(ConnectionContext connection)
    {
        try
        {
            await (connection.Features.Get<IRunsHandlers>() is { } place ? place.RunAsync(() => _handler(connection)) : _handler(connection));
        }
        catch (Exception e) when (e is ConnectionResetException or ConnectionAbortedException)
        {
            // Clients may leave.
        }
#pragma warning disable CA1031 // whatever a handler throws ends its connection only
        catch (Exception e)
        {
            Errors.Enqueue(e);
        }
#pragma warning restore CA1031
        finally
        {
            await connection.DisposeAsync();
        }
    }
}
