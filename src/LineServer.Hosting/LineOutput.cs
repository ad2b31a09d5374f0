using System.Buffers;
using System.Text;
using LineServer.Framing;

namespace LineServer.Hosting;

/// <summary>
/// The output in which a handler stages replies. They are sent together when the handler has seen the lines
/// of a read, or awaits.
/// </summary>
public abstract class LineOutput : IBufferWriter<byte>
{
    private protected LineOutput(byte delimiter) => Delimiter = delimiter;

    /// <summary>The byte that ends a line on this connection.</summary>
    public byte Delimiter { get; }

    /// <summary>Stages a line and its delimiter.</summary>
    /// <exception cref="ArgumentException">The line contains the delimiter. Nothing was staged.</exception>
    public abstract void WriteLine(ReadOnlySpan<byte> line);

    /// <summary>Stages a line of text as UTF-8, and its delimiter.</summary>
    /// <exception cref="ArgumentException">The line contains the delimiter. Nothing was staged.</exception>
    public void WriteLine(ReadOnlySpan<char> line)
    {
        int size = Encoding.UTF8.GetMaxByteCount(line.Length);
        byte[]? rented = null;
        Span<byte> bytes = size <= 512 ? stackalloc byte[512] : rented = ArrayPool<byte>.Shared.Rent(size);
        int length = Encoding.UTF8.GetBytes(line, bytes);
        try
        {
            WriteLine(bytes[..length]);
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    /// <inheritdoc cref="WriteLine(ReadOnlySpan{char})"/>
    public void WriteLine(string line) => WriteLine(line.AsSpan());

    /// <summary>Stages bytes unchanged. The caller must make sure that they form lines.</summary>
    public abstract void Write(ReadOnlySpan<byte> bytes);

    /// <summary>Stages bytes unchanged.</summary>
    public void Write(in ReadOnlySequence<byte> bytes)
    {
        foreach (ReadOnlyMemory<byte> segment in bytes)
        {
            Write(segment.Span);
        }
    }

    /// <inheritdoc/>
    public abstract void Advance(int count);

    /// <inheritdoc/>
    public abstract Memory<byte> GetMemory(int sizeHint = 0);

    /// <inheritdoc/>
    public virtual Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    private protected void ThrowIfDelimiterInside(ReadOnlySpan<byte> line) => LineWriter.ThrowIfDelimiterInside(line, Delimiter);
}
