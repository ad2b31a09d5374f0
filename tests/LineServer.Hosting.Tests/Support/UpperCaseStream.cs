using System.IO.Pipelines;

namespace LineServer.Hosting.Tests.Support;

/// <summary>
/// A stream between a connection and its lines, like TLS: reads through it return upper case.
/// </summary>
internal sealed class UpperCaseStream : Stream
{
    private readonly Stream _input;
    private readonly Stream _output;

    public UpperCaseStream(IDuplexPipe transport)
    {
        _input = transport.Input.AsStream();
        _output = transport.Output.AsStream();
        Pipes = new DuplexPipe(PipeReader.Create(this), PipeWriter.Create(this));
    }

    public IDuplexPipe Pipes { get; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await _input.ReadAsync(buffer, cancellationToken);
        foreach (ref byte b in buffer.Span[..count])
        {
            b = (byte)char.ToUpperInvariant((char)b);
        }

        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        _output.WriteAsync(buffer, cancellationToken);

    public override Task FlushAsync(CancellationToken cancellationToken) => _output.FlushAsync(cancellationToken);

    public override void Flush() => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
