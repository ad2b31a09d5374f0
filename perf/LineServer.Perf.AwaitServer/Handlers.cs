using System.Threading.Channels;
using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Perf.AwaitServer;

/// <summary>Completes each line at once: the cost of the kind of handler that may await.</summary>
internal sealed class AtOnce : LineHandler
{
    public override bool NeverBlocks => true;

    public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
    {
        reply.WriteLine(line.Span);
        return default;
    }
}

/// <summary>Yields once for each line.</summary>
internal sealed class AwaitYield : LineHandler
{
    public override bool NeverBlocks => true;

    public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
    {
        await Task.Yield();
        reply.WriteLine(line.Span);
    }
}

/// <summary>Hops to another task and back for each line, through channels.</summary>
internal sealed class AwaitTask : LineHandler, IDisposable
{
    private readonly Channel<LineMemory> _there = Channel.CreateUnbounded<LineMemory>(new() { SingleReader = true, SingleWriter = true });
    private readonly Channel<LineMemory> _back = Channel.CreateUnbounded<LineMemory>(new() { SingleReader = true, SingleWriter = true });
    private Task? _other;

    public override bool NeverBlocks => true;

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
