using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Benchmarks.Shapes;

/// <summary>A connection whose ends are in memory and never wait: what is measured is the loop and the handler.</summary>
internal sealed class MemoryConnection(PipeReader input, PipeWriter output) : ConnectionContext
{
    /// <summary>The client sends the block so many times, a read each, and takes every reply.</summary>
    public static MemoryConnection Of(LineBlock block, int reads) => new(new BlockReader(block.Bytes, reads), new CountingWriter());

    public override string ConnectionId { get; set; } = "memory";

    public override IFeatureCollection Features { get; } = new FeatureCollection();

    public override IDictionary<object, object?> Items { get; set; } = new Dictionary<object, object?>();

    public override IDuplexPipe Transport { get; set; } = new Duplex(input, output);

    private sealed record Duplex(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
