using System.Buffers;
using System.IO.Pipelines;
using LineServer.Transports.Clients;

namespace LineServer.Transports.Tests.Support;

/// <summary>Streams of a known pattern: sent in pieces, checked wherever they arrive.</summary>
internal static class Payload
{
    public static byte[] Of(ulong seed, int length)
    {
        byte[] bytes = new byte[length];
        new BytePattern(seed).Fill(bytes, 0);
        return bytes;
    }

    /// <summary>Writes and flushes until all is written, or the other end is gone; returns how many bytes were given to flushes.</summary>
    public static async Task<long> WriteAsync(PipeWriter output, ulong seed, long length, int piece, Action<long>? flushed = null)
    {
        var pattern = new BytePattern(seed);
        long written = 0;
        while (written < length)
        {
            int count = (int)Math.Min(piece, length - written);
            pattern.Fill(output.GetSpan(count)[..count], written);
            output.Advance(count);
            written += count;
            FlushResult flush = await output.FlushAsync();
            flushed?.Invoke(written);
            if (flush.IsCompleted)
            {
                break;
            }
        }

        return written;
    }

    /// <summary>Reads and checks until this many bytes are there, or the stream ends; returns how many there were.</summary>
    public static async Task<long> CheckAsync(PipeReader input, ulong seed, long length, Action<long>? consumed = null, long from = 0)
    {
        var pattern = new BytePattern(seed);
        long received = from;
        while (received < length)
        {
            ReadResult read = await input.ReadAsync();
            foreach (ReadOnlyMemory<byte> segment in read.Buffer)
            {
                pattern.Check(segment.Span, received);
                received += segment.Length;
            }

            input.AdvanceTo(read.Buffer.End);
            consumed?.Invoke(received);
            if (read.IsCompleted)
            {
                break;
            }
        }

        return received;
    }

    public static async Task SendAsync(this Peer peer, ulong seed, long length, int piece = 64 * 1024, Action<long>? sent = null)
    {
        var pattern = new BytePattern(seed);
        byte[] buffer = new byte[piece];
        for (long done = 0; done < length;)
        {
            int count = (int)Math.Min(piece, length - done);
            pattern.Fill(buffer.AsSpan(0, count), done);
            await peer.SendAsync(buffer.AsMemory(0, count));
            done += count;
            sent?.Invoke(done);
        }
    }

    /// <summary>Receives and checks until this many bytes are there, or the stream ends; returns how many there were.</summary>
    public static async Task<long> CheckAsync(this Peer peer, ulong seed, long length, Action<long>? received = null, long from = 0)
    {
        var pattern = new BytePattern(seed);
        byte[] buffer = new byte[64 * 1024];
        long done = from;
        while (done < length && await peer.ReceiveAsync(buffer) is var count and > 0)
        {
            pattern.Check(buffer.AsSpan(0, count), done);
            done += count;
            received?.Invoke(done);
        }

        return done;
    }

    /// <summary>Consumes this many bytes, or fewer at the end.</summary>
    public static async Task<byte[]> ReadExactlyAsync(this PipeReader input, int count)
    {
        ReadOnlySequence<byte> buffer = await input.ReadUntilAsync(count);
        byte[] bytes = buffer.Slice(0, Math.Min(count, buffer.Length)).ToArray();
        input.AdvanceTo(buffer.GetPosition(bytes.Length));
        return bytes;
    }

    /// <summary>
    /// Reads until this many bytes are there, or the end. Not ReadAtLeastAsync: that of System.IO.Pipelines' pipe does not count what was examined before.
    /// </summary>
    public static async Task<ReadOnlySequence<byte>> ReadUntilAsync(this PipeReader input, int count)
    {
        while (true)
        {
            ReadResult read = await input.ReadAsync();
            if (read.Buffer.Length >= count || read.IsCompleted)
            {
                return read.Buffer;
            }

            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    public static async Task<byte[]> ReadToEndAsync(this PipeReader input)
    {
        while (true)
        {
            ReadResult read = await input.ReadAsync();
            if (read.IsCompleted)
            {
                byte[] all = read.Buffer.ToArray();
                input.AdvanceTo(read.Buffer.End);
                return all;
            }

            input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }
}
