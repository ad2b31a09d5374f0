using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using LineServer.Framing;
using LineServer.Hosting;
using StackExchange.Redis;

namespace LineServer.Perf.AwaitServer;

/// <summary>Replies at once: what a handler that may await costs if it does not.</summary>
internal sealed class AtOnce : LineHandler
{
    public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
    {
        reply.WriteLine(line.Span);
        return default;
    }
}

/// <summary>Yields before each reply.</summary>
internal sealed class AwaitYield : LineHandler
{
    public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
    {
        await Task.Yield();
        reply.WriteLine(line.Span);
    }
}

/// <summary>Passes each line to another task and back, through channels, before the reply.</summary>
internal sealed class AwaitTask : LineHandler, IDisposable
{
    private static readonly UnboundedChannelOptions OneToOne = new() { SingleReader = true, SingleWriter = true };

    private readonly Channel<LineMemory> _there = Channel.CreateUnbounded<LineMemory>(OneToOne);
    private readonly Channel<LineMemory> _back = Channel.CreateUnbounded<LineMemory>(OneToOne);
    private Task? _other;

    public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
    {
        _other ??= ReturnAsync();
        await _there.Writer.WriteAsync(line, cancellationToken);
        LineMemory returned = await _back.Reader.ReadAsync(cancellationToken);
        reply.WriteLine(returned.Span);
    }

    public void Dispose() => _there.Writer.TryComplete();

    private async Task ReturnAsync()
    {
        while (await _there.Reader.WaitToReadAsync())
        {
            while (_there.Reader.TryRead(out LineMemory line))
            {
                await _back.Writer.WriteAsync(line);
            }
        }
    }
}

/// <summary>Replies, then waits for 10 ms: how long the reply takes to leave.</summary>
internal sealed class ReplyThenWait : LineHandler
{
    public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
    {
        reply.WriteLine(line.Span);
        await Task.Delay(10, cancellationToken);
    }
}

/// <summary>Sends each line to Redis, and replies with what Redis sends back.</summary>
internal sealed class AwaitRemote(IServer redis) : LineHandler
{
    public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> returned = await redis.EchoAsync(line.Memory);
        reply.WriteLine(returned.Span);
    }
}

/// <summary>Blocks its thread for 200 ms on every thousandth line of a connection.</summary>
internal sealed class Sleep : LineHandler
{
    private int _lines;

    public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
    {
        SleepOn(ref _lines);
        reply.WriteLine(line.Span);
        return default;
    }

    /// <summary>The same for a delegate, which counts the lines of all connections together.</summary>
    public static void SleepOn(ref int lines)
    {
        if (Interlocked.Increment(ref lines) % 1000 == 0)
        {
            Thread.Sleep(200);
        }
    }
}

/// <summary>On every thousandth line, waits for a task that can only end on the event loop.</summary>
internal sealed class Deadlock : LineHandler
{
    private int _lines;

    [SuppressMessage("Usage", "VSTHRD002", Justification = "Its purpose.")]
    public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
    {
        if (++_lines % 1000 == 0)
        {
            YieldAsync().Wait(cancellationToken);
        }

        reply.WriteLine(line.Span);
        return default;
    }

    private static async Task YieldAsync() => await Task.Yield();
}
