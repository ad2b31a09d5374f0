using LineServer.Framing;
using LineServer.Hosting.Testing;
using LineServer.Hosting.Tests.Support;

namespace LineServer.Hosting.Tests;

/// <summary>A long reply in parts, by LineConnection.FlushAsync.</summary>
public class StreamingTests
{
    private const int Part = 10_000;
    private readonly TaskCompletionSource _cancelled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _written;
    private CountingWriter _writer = null!;

    [Fact]
    public async Task Ten_megabytes_go_to_a_slow_reader_and_little_is_held()
    {
        await using LineTestConnection client = Start().Connect();
        await client.SendAsync("1000\n");
        long read = 0;
        long mostAhead = 0;
        while (read < 1000L * Part)
        {
            read += (await client.ReadLineAsync().InTime())!.Length + 1;
            mostAhead = Math.Max(mostAhead, Volatile.Read(ref _written) - read);
        }

        Assert.True(mostAhead <= (64 * 1024) + (3 * Part), $"{mostAhead} bytes ahead of the client");
        Assert.Equal(Part, _writer.MostStaged); // each part was flushed before the next was staged
    }

    [Fact]
    public async Task A_client_that_goes_away_cancels_what_waits_for_it()
    {
        LineTestConnection client = Start().Connect(maxWriteBufferSize: 1000);
        await client.SendAsync("1000000\n");
        client.Reset();
        await _cancelled.Task.InTime();
        await client.Closed.InTime();
        Assert.True(Volatile.Read(ref _written) < 100 * Part);
    }

    private Server Start() => Server.With(() => new Streaming(this), null, null, writer => _writer = new CountingWriter(writer));

    private sealed class Streaming(StreamingTests test) : LineHandler
    {
        public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
        {
            byte[] part = new byte[Part - 1];
            part.AsSpan().Fill((byte)'x');
            int parts = int.Parse(line.Span);
            try
            {
                for (int i = 0; i < parts; i++)
                {
                    reply.WriteLine(part);
                    Interlocked.Add(ref test._written, Part);
                    await Connection.FlushAsync();
                }
            }
            catch (OperationCanceledException)
            {
                Assert.True(cancellationToken.IsCancellationRequested);
                test._cancelled.SetResult();
                throw;
            }
        }
    }
}
