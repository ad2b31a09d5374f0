using System.Buffers;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>
/// Clients that connect to one daemon, send lines split anywhere, and leave in every possible way, for a
/// while.
/// </summary>
public class TortureTests
{
    // LINESERVER_TESTS=full, set by tests/full.sh, runs it at full size.
    private static readonly bool IsFull = Environment.GetEnvironmentVariable("LINESERVER_TESTS") == "full";
    private static readonly int Clients = IsFull ? 2000 : 200;
    private static readonly TimeSpan Duration = IsFull ? TimeSpan.FromMinutes(2) : TimeSpan.FromSeconds(5);

    // The runtime may open a few descriptors of its own meanwhile. A leak would be in proportion to the
    // connections.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    // The runtime may open a few descriptors of its own meanwhile; a leak would be proportional to the
    // connections.
    private const int RuntimeDescriptors = 8;

    private const int MaxLineSize = 60 * 1024;
    private const int MaxLines = 4;

    // A client that does not read sends at most this much: the kernel's buffers hold it, so sending ends.
    private const int Unread = 32 * 1024;

    // Contains no newline: a line is any slice of it.
    private static readonly byte[] Pattern = [.. Enumerable.Range(0, 2 * MaxLineSize).Select(i => (byte)('!' + (i * 31 % 89)))];

    private enum Leave
    {
        HalfClose,
        Reset,
        Close,
    }

    [Fact]
    public async Task Every_byte_that_comes_back_is_the_one_that_was_sent_however_clients_come_and_go()
    {
        int seed = Random.Shared.Next();
        await using DaemonProcess daemon = DaemonProcess.Start("--listen", "tcp://127.0.0.1:0", "--set", "Limits:MaxConcurrentConnections=10000");
        EndPoint endPoint = await daemon.EndPointAsync();
        using LineSocket quiet = await LineSocket.ConnectAsync(endPoint);
        await quiet.SendAsync("warm\n");
        Assert.Equal("warm", await quiet.ReadLineAsync());
        int descriptorsBefore = Descriptors(daemon);

        using var storm = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var tally = new Tally();
        Task<TimeSpan> longestWait = LongestWaitAsync(quiet, storm.Token);
        try
        {
            long end = Stopwatch.GetTimestamp() + (long)(Duration.TotalSeconds * Stopwatch.Frequency);
            Task[] clients = [.. Enumerable.Range(0, Clients).Select(i => Task.Run(() => ClientAsync(endPoint, seed + i, end, tally)))];
            await Task.WhenAll(clients);
            await storm.CancelAsync();
            TestContext.Current.SendDiagnosticMessage(
                $"{Clients} clients, {tally.Connections} connections, {tally.Bytes >> 20} MiB came back; the quiet client waited "
                + $"{(await longestWait).TotalMilliseconds:F0} ms at most");
        }
        catch (Exception e)
        {
            await storm.CancelAsync();
            Assert.Fail($"seed {seed}: {e}\n{string.Join('\n', daemon.Log.Lines)}");
        }

        // The server sees a reset or a FIN a moment after the client sent it.
        bool isClosed = SpinWait.SpinUntil(() => Descriptors(daemon) <= descriptorsBefore + RuntimeDescriptors, Guard.Timeout);
        Assert.True(isClosed, $"seed {seed}: {descriptorsBefore} descriptors before, {Descriptors(daemon)} after");
        using (LineSocket last = await LineSocket.ConnectAsync(endPoint))
        {
            await last.SendAsync("last\n");
            Assert.Equal("last", await last.ReadLineAsync());
        }

        Assert.Equal(0, await daemon.StopAsync());
        Assert.DoesNotContain(daemon.Log.Lines, static line => line.Contains("failed", StringComparison.OrdinalIgnoreCase));
    }

    private static async Task ClientAsync(EndPoint endPoint, int seed, long end, Tally tally)
    {
        var random = new Random(seed);
        byte[] sent = ArrayPool<byte>.Shared.Rent(MaxLines * (MaxLineSize + 1));
        byte[] received = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            while (Stopwatch.GetTimestamp() < end)
            {
                await ConnectionAsync(endPoint, random, sent, received, tally);
            }
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"a client of the seed {seed} failed", e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(received);
            ArrayPool<byte>.Shared.Return(sent);
        }
    }

    /// <summary>One connection: lines of any size, split anywhere, and a way to leave.</summary>
    private static async Task ConnectionAsync(EndPoint endPoint, Random random, byte[] sent, byte[] received, Tally tally)
    {
        ReadOnlyMemory<byte> lines = sent.AsMemory(0, Compose(random, sent));
        Leave leave = (Leave)random.Next(3);
        // Clients that reset or close may do so within a line, while replies are on their way.
        ReadOnlyMemory<byte> toSend = leave == Leave.HalfClose ? lines : lines[..random.Next(lines.Length + 1)];
        // Some of those leave replies unread, which turns a close into a reset.
        int toRead = leave == Leave.HalfClose || toSend.Length > Unread ? int.MaxValue : random.Next(toSend.Length + 1);
        using LineSocket client = await LineSocket.ConnectAsync(endPoint).WaitAsync(Patience);
        using var left = new CancellationTokenSource();
        Task<int> reading = ReadAsync(client.Socket, toSend, received, toRead, left.Token);
        await SendAsync(client.Socket, toSend, new Random(random.Next())).WaitAsync(Patience);
        switch (leave)
        {
            case Leave.HalfClose:
                client.HalfClose();
                Assert.Equal(lines.Length, await reading.WaitAsync(Patience));
                Assert.True(await IsAtEndAsync(client.Socket, received).WaitAsync(Patience), "more came back than was sent");
                break;
            case Leave.Reset:
                await left.CancelAsync();
                await reading.WaitAsync(Patience);
                client.Reset();
                break;
            case Leave.Close:
                await left.CancelAsync();
                await reading.WaitAsync(Patience);
                break;
        }

        tally.Add(await reading);
    }

    private static int Compose(Random random, byte[] sent)
    {
        int length = 0;
        for (int lines = random.Next(1, MaxLines + 1); lines > 0; lines--)
        {
            // Sizes of every magnitude: most lines are short, and some fill many buffers.
            int size = random.Next(1, (MaxLineSize >> random.Next(16)) + 1);
            Pattern.AsSpan(random.Next(MaxLineSize), size).CopyTo(sent.AsSpan(length));
            length += size;
            sent[length++] = (byte)'\n';
        }

        return length;
    }

    private static async Task SendAsync(Socket socket, ReadOnlyMemory<byte> bytes, Random random)
    {
        while (!bytes.IsEmpty)
        {
            int cut = random.Next(1, Math.Min(bytes.Length, 1 << random.Next(1, 17)) + 1);
            bytes = bytes[await socket.SendAsync(bytes[..cut])..];
            for (int pauses = random.Next(4); pauses > 0; pauses--)
            {
                await Task.Yield();
            }
        }
    }

    /// <summary>Reads and compares until the expected bytes have arrived, or the client leaves.</summary>
    private static async Task<int> ReadAsync(
        Socket socket, ReadOnlyMemory<byte> expected, byte[] buffer, int atMost, CancellationToken left)
    {
        int position = 0;
        while (position < Math.Min(atMost, expected.Length))
        {
            int count;
            try
            {
                count = await socket.ReceiveAsync(buffer.AsMemory(), left);
            }
            catch (OperationCanceledException)
            {
                break;
            }

            Assert.True(count > 0, $"the server closed the connection after {position} of {expected.Length} bytes");
            Assert.True(
                position + count <= expected.Length && expected.Span.Slice(position, count).SequenceEqual(buffer.AsSpan(0, count)),
                $"of {expected.Length} bytes sent, the {count} from {position} on came back wrong");
            position += count;
        }

        return position;
    }

    private static async Task<bool> IsAtEndAsync(Socket socket, byte[] buffer) => await socket.ReceiveAsync(buffer.AsMemory()) == 0;

    /// <summary>Sends a line ten times a second, until the storm is over.</summary>
    /// <returns>The longest wait for a reply.</returns>
    private static async Task<TimeSpan> LongestWaitAsync(LineSocket client, CancellationToken storm)
    {
        // This clock is the measurement; nothing waits for it.
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        TimeSpan longest = TimeSpan.Zero;
        while (!storm.IsCancellationRequested)
        {
            long start = Stopwatch.GetTimestamp();
            await client.SendAsync("quiet\n");
            Assert.Equal("quiet", await client.ReadLineAsync());
            longest = Stopwatch.GetElapsedTime(start) is var elapsed && elapsed > longest ? elapsed : longest;
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }

        return longest;
    }

    private static int Descriptors(DaemonProcess daemon) => Directory.GetFiles($"/proc/{daemon.Id}/fd").Length;

    private sealed class Tally
    {
        private long _connections;
        private long _bytes;

        public long Connections => Volatile.Read(ref _connections);

        public long Bytes => Volatile.Read(ref _bytes);

        public void Add(int bytes)
        {
            Interlocked.Increment(ref _connections);
            Interlocked.Add(ref _bytes, bytes);
        }
    }
}
