using LineServer.Framing;

namespace LineServer.Hosting.Tests.Support;

/// <summary>
/// Creates a handler of each shape with the same behaviour: it stages something for each line.
/// </summary>
public enum Shape
{
    Delegate,

    /// <summary>An asynchronous handler that never waits.</summary>
    Async,

    /// <summary>An asynchronous handler that waits for each line.</summary>
    Waiting,

    /// <summary>An asynchronous handler that handles several lines at once, and waits after the reply to each.</summary>
    Concurrent,

    /// <summary>The same without a wait.</summary>
    ConcurrentAtOnce,

    Batch,

    /// <summary>A batch handler that takes one line per call.</summary>
    BatchByOne,

    /// <summary>A batch handler that waits after each call.</summary>
    WaitingBatch,

    /// <summary>A batch handler that uses a visitor.</summary>
    Visitor,
}

/// <summary>What a test does with a line, whatever the shape of the handler.</summary>
internal delegate void Answer(AnyLine line, LineOutput reply);

internal readonly ref struct AnyLine
{
    public AnyLine(Line line)
    {
        Span = line.Span;
        RawSpan = line.RawSpan;
        Mark = line.IsTruncated ? "truncated" : line.IsIncomplete ? "incomplete" : "";
    }

    public AnyLine(LineMemory line)
    {
        Span = line.Span;
        RawSpan = line.RawMemory.Span;
        Mark = line.IsTruncated ? "truncated" : line.IsIncomplete ? "incomplete" : "";
    }

    public ReadOnlySpan<byte> Span { get; }

    public ReadOnlySpan<byte> RawSpan { get; }

    public string Mark { get; }

    public override string ToString() => System.Text.Encoding.UTF8.GetString(Span);
}

internal static class Shapes
{
    public static readonly TheoryData<Shape> All = [.. Enum.GetValues<Shape>()];

    public static Func<LineHandlerBase> Handler(this Shape shape, Answer onLine, Action<CloseReason, LineOutput>? onClosing = null, Action<CloseReason>? onDisconnected = null) => () => shape switch
    {
        Shape.Delegate => new DelegateBatch(onLine, onClosing, onDisconnected),
        Shape.Async or Shape.ConcurrentAtOnce => new Async(onLine, onClosing, onDisconnected, waits: false),
        Shape.Waiting => new Async(onLine, onClosing, onDisconnected, waits: true),
        Shape.Concurrent => new Concurrent(onLine, onClosing, onDisconnected),
        Shape.Batch => new Batch(onLine, onClosing, onDisconnected, int.MaxValue, waits: false),
        Shape.BatchByOne => new Batch(onLine, onClosing, onDisconnected, 1, waits: false),
        Shape.WaitingBatch => new Batch(onLine, onClosing, onDisconnected, int.MaxValue, waits: true),
        _ => new Visiting(onLine, onClosing, onDisconnected),
    };

    /// <summary>The options that the shape needs, and more.</summary>
    public static Action<LineOptions> Options(this Shape shape, Action<LineOptions>? more = null) => options =>
    {
        options.MaxConcurrentLines = shape is Shape.Concurrent or Shape.ConcurrentAtOnce ? 3 : 1;
        more?.Invoke(options);
    };

    // What UseLines creates from a delegate, with callbacks.
    private sealed class DelegateBatch(Answer onLine, Action<CloseReason, LineOutput>? onClosing, Action<CloseReason>? onDisconnected) : LineBatchHandler
    {
        private readonly Internal.DelegateHandler _inner = new((in line, reply) => onLine(new AnyLine(line), reply));

        public override ValueTask OnBatch(LineBatch batch) => _inner.OnBatch(batch);

        public override void OnClosing(CloseReason reason, LineOutput output) => onClosing?.Invoke(reason, output);

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            onDisconnected?.Invoke(reason);
            return default;
        }
    }

    private class Async(Answer onLine, Action<CloseReason, LineOutput>? onClosing, Action<CloseReason>? onDisconnected, bool waits) : LineHandler
    {
        public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            if (waits)
            {
                return WaitAsync(line, reply);
            }

            Give(line, reply);
            return default;
        }

        public override void OnClosing(CloseReason reason, LineOutput output) => onClosing?.Invoke(reason, output);

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            onDisconnected?.Invoke(reason);
            return default;
        }

        private async ValueTask WaitAsync(LineMemory line, LineOutput reply)
        {
            await Task.Yield();
            Give(line, reply);
        }

        private void Give(LineMemory line, LineOutput reply) => onLine(new AnyLine(line), reply);
    }

    // It replies before it waits, because after the wait several lines may be on several threads.
    private sealed class Concurrent(Answer onLine, Action<CloseReason, LineOutput>? onClosing, Action<CloseReason>? onDisconnected)
        : Async(onLine, onClosing, onDisconnected, waits: false)
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            await base.OnLineAsync(line, reply, cancellationToken);
            await Task.Yield();
        }
    }

    private sealed class Batch(Answer onLine, Action<CloseReason, LineOutput>? onClosing, Action<CloseReason>? onDisconnected, int atOnce, bool waits) : LineBatchHandler
    {
        public override ValueTask OnBatch(LineBatch batch)
        {
            int taken = 0;
            foreach (Line line in batch)
            {
                onLine(new AnyLine(line), batch.Output);
                if (++taken == atOnce)
                {
                    break;
                }
            }

            return waits && taken > 0 ? YieldAsync() : default;
        }

        public override void OnClosing(CloseReason reason, LineOutput output) => onClosing?.Invoke(reason, output);

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            onDisconnected?.Invoke(reason);
            return default;
        }

        private static async ValueTask YieldAsync() => await Task.Yield();
    }

    private sealed class Visiting(Answer onLine, Action<CloseReason, LineOutput>? onClosing, Action<CloseReason>? onDisconnected) : LineBatchHandler
    {
        public override ValueTask OnBatch(LineBatch batch)
        {
            var visitor = new Visitor(onLine, batch.Output);
            batch.ReadLines(ref visitor);
            return default;
        }

        public override void OnClosing(CloseReason reason, LineOutput output) => onClosing?.Invoke(reason, output);

        public override ValueTask OnDisconnectedAsync(CloseReason reason)
        {
            onDisconnected?.Invoke(reason);
            return default;
        }

        private readonly struct Visitor(Answer onLine, LineOutput output) : ILineVisitor
        {
            public bool OnLine(scoped Line line)
            {
                onLine(new AnyLine(line), output);
                return true;
            }
        }
    }
}
