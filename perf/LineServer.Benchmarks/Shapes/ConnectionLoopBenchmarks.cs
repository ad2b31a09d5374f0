using System.Buffers;
using System.IO.Pipelines;
using BenchmarkDotNet.Attributes;
using LineServer.Framing;
using LineServer.Hosting;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Benchmarks.Shapes;

/// <summary>
/// A read of so many lines of 32 bytes, from the wait for it to its flushed replies, over pipes in memory: what the connection loop costs beside
/// a loop without limits, timeouts or shutdown. The steady path allocates nothing; the tests assert that.
/// </summary>
[Config(typeof(ShapeConfig))]
[MemoryDiagnoser(displayGenColumns: false)]
public class ConnectionLoopBenchmarks
{
    private byte[] _lines = [];
    private Client _bare = null!;
    private Client _delegate = null!;
    private Client _lineHandler = null!;
    private Client _batch = null!;
    private Client _runs = null!;

    [Params(1, 16, 1024)]
    public int LinesARead { get; set; }

    [GlobalSetup]
    public void Connect()
    {
        _lines = [.. Enumerable.Repeat("a line of thirty-two bytes, LF.\n"u8.ToArray(), LinesARead).SelectMany(line => line)];
        _bare = new Client(connection => RejectedShapes.SequenceDelegateAsync(connection, HandlerShapes.EchoSequence));
        _delegate = new Client(HandlerShapes.Ours(lines => lines.UseLines(EchoProtocol.OnLine)));
        _lineHandler = new Client(HandlerShapes.Ours(lines => lines.UseLines<EchoProtocol.Async>()));
        _batch = new Client(HandlerShapes.Ours(lines => lines.UseLines<EchoProtocol.Batch>()));
        _runs = new Client(HandlerShapes.Ours(lines => lines.UseLines<EchoProtocol.Runs>()));
    }

    [Benchmark(Baseline = true, Description = "a bare loop, PositionOf")]
    public void Bare() => _bare.Ask(_lines);

    [Benchmark(Description = "delegate")]
    public void Delegate() => _delegate.Ask(_lines);

    [Benchmark(Description = "LineHandler")]
    public void Handler() => _lineHandler.Ask(_lines);

    [Benchmark(Description = "LineBatchHandler, foreach")]
    public void Batch() => _batch.Ask(_lines);

    [Benchmark(Description = "LineBatchHandler, runs")]
    public void Runs() => _runs.Ask(_lines);

    /// <summary>A connection over two pipes whose other ends run on the caller: when its flush returns, the replies are there.</summary>
    private sealed class Client
    {
        private static readonly PipeOptions Inline = new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, useSynchronizationContext: false);
        private readonly Pipe _toServer = new(Inline);
        private readonly Pipe _toClient = new(Inline);

        public Client(ConnectionDelegate serve) => _ = serve(new MemoryConnection(_toServer.Reader, _toClient.Writer));

        public void Ask(byte[] lines)
        {
            _toServer.Writer.Write(lines);
            if (!_toServer.Writer.FlushAsync().IsCompletedSuccessfully || !_toClient.Reader.TryRead(out ReadResult read) || read.Buffer.Length != lines.Length)
            {
                throw new InvalidOperationException("The replies are not there.");
            }

            _toClient.Reader.AdvanceTo(read.Buffer.End);
        }
    }
}
