using BenchmarkDotNet.Attributes;
using Microsoft.AspNetCore.Connections;

namespace LineServer.Benchmarks.Shapes;

/// <summary>
/// A line in each shape of handler, the whole connection loop included: reads of 64 KiB, lines of 32 bytes, a client that never waits. What is allocated is
/// for the connection, divided by its lines. <see cref="ShapesInTurn"/> compares the shapes side by side.
/// </summary>
[Config(typeof(ShapeConfig))]
[MemoryDiagnoser(displayGenColumns: false)]
public class ShapeBenchmarks
{
    private const int LinesARead = 2048;
    private const int Reads = 64;

    private LineBlock _block = null!;
    private ConnectionDelegate _serve = null!;

    public static IEnumerable<string> Handlers { get; } = [.. HandlerShapes.Protocols.SelectMany(protocol => protocol.Shapes, (protocol, shape) => $"{protocol.Protocol}: {shape.Shape}")];

    [ParamsSource(nameof(Handlers))]
    public string Handler { get; set; } = string.Empty;

    [GlobalSetup]
    public void Choose()
    {
        _block = LineBlock.Of("32");
        string[] names = Handler.Split(": ", 2);
        _serve = HandlerShapes.Protocols.Single(protocol => protocol.Protocol == names[0]).Shapes.Single(shape => shape.Shape == names[1]).Serve;
        if (_block.Lines != LinesARead)
        {
            throw new InvalidOperationException($"A block has {_block.Lines} lines, not {LinesARead}.");
        }
    }

    [Benchmark(OperationsPerInvoke = LinesARead * Reads, Description = "a line")]
    public void Line()
    {
        Task served = _serve(MemoryConnection.Of(_block, Reads));
        if (!served.IsCompletedSuccessfully)
        {
            throw new InvalidOperationException("The connection waited, or failed.", served.Exception);
        }
    }
}
