using System.Runtime.Versioning;
using System.Text;
using LineServer.Framing;
using LineServer.Storage.Internal.Files;
using LineServer.Storage.Tests.Disk;

namespace LineServer.Storage.Tests;

/// <summary>
/// Many writers and readers, the store's own threads, and calls that fail: nothing hangs, leaks, is lost or comes twice.
/// </summary>
[SupportedOSPlatform("linux")]
public sealed class ThreadsTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    /// <summary>A few seeds in every run; more with LINESERVER_TESTS=full.</summary>
    public static TheoryData<int, int> Cases
    {
        get
        {
            int[] failsOneIn = [0, 400, 100];
            int seeds = Environment.GetEnvironmentVariable("LINESERVER_TESTS") == "full" ? 60 : 3;
            var cases = new TheoryData<int, int>();
            for (int seed = 0; seed < seeds; seed++)
            {
                cases.Add(seed, failsOneIn[seed % failsOneIn.Length]);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Writers_readers_failures_and_stops_lose_nothing_and_end(int seed, int failsOneIn)
    {
        var files = new FaultyFiles(new LinuxStoreFiles(_directory.Path), seed);
        var options = new StoreOptions
        {
            LogFileSize = 64 * 1024,
            SegmentSize = 30_000,
            MaxUnapplied = 20_000,
            MaxUncommittedPerAttachment = 8_000,
            MaxUncommitted = 30_000,
            MaxOpenSegments = 2,
            RecoveryPause = TimeSpan.FromMilliseconds(1),
            CheckpointInterval = TimeSpan.FromMilliseconds(20),
        };
        Writer[] writers = [.. Enumerable.Range(0, 6).Select(i => new Writer($"s{i % 4}", i, seed))];
        for (int life = 0; life < 3; life++)
        {
            files.FailsOneIn = 0;
            var store = new LineStore(files, options, TimeProvider.System, heldLock: null);
            files.FailsOneIn = failsOneIn;
            Task[] running = [.. writers.Select(writer => Task.Run(() => writer.RunAsync(store)))];
            await Task.WhenAll(running.Take(3)).WaitAsync(Limit, TestContext.Current.CancellationToken);
            await store.DisposeAsync().AsTask().WaitAsync(Limit, TestContext.Current.CancellationToken);
            await Task.WhenAll(running).WaitAsync(Limit, TestContext.Current.CancellationToken);
            Assert.Equal(0, files.OpenFiles);
            Assert.Equal(StoreState.Stopped, store.State);
        }

        files.FailsOneIn = 0;
        await using var last = new LineStore(files, options, TimeProvider.System, heldLock: null);
        foreach (IGrouping<string, Writer> group in writers.GroupBy(writer => writer.Stream, StringComparer.Ordinal))
        {
            StreamAttachment attachment = await last.AttachAsync(group.Key, new Owner());
            long acknowledged = group.Max(writer => writer.Acknowledged);
            Assert.True(attachment.Count >= acknowledged, $"{group.Key}: {acknowledged} acknowledged, {attachment.Count} stored");
            Assert.True(acknowledged > 100, $"{group.Key}: hardly anything was acknowledged: {acknowledged}");
            Assert.Equal(Crc32C.Of(Writer.Lines(group.Key, 1, attachment.Count)), attachment.Crc);
            using StreamCursor cursor = last.OpenCursor(group.Key, 1);
            var read = new MemoryStream();
            while (cursor.TryRead(100, out ReadOnlySpan<byte> lines, out _))
            {
                read.Write(lines);
            }

            Assert.True(read.ToArray().AsSpan().SequenceEqual(Writer.Lines(group.Key, 1, attachment.Count)), $"{group.Key}: other lines are stored");
        }
    }

    /// <summary>Sends numbered lines, attaches again when another has taken the stream or the store has failed, and reads.</summary>
    private sealed class Writer(string stream, int number, int seed) : IAttachmentOwner
    {
        private const int Rounds = 20;

        private readonly Random _random = new(seed * 100 + number);

        public string Stream => stream;

        public long Acknowledged { get; private set; }

        public void OnChanged()
        {
        }

        public async Task RunAsync(LineStore store)
        {
            for (int round = 0; round < Rounds; round++)
            {
                StreamAttachment attachment;
                try
                {
                    attachment = await store.AttachAsync(stream, this).AsTask().WaitAsync(Limit);
                }
                catch (StoreUnavailableException e) when (e.Refusal == StoreRefusal.Stopping || store.State == StoreState.Stopped)
                {
                    return;
                }
                catch (StoreUnavailableException e) when (e.Refusal == StoreRefusal.Failed)
                {
                    await Task.Yield();
                    round--;
                    continue;
                }

                Assert.True(attachment.Count >= Acknowledged, $"{stream}: {Acknowledged} acknowledged, {attachment.Count} stored");
                await SendAsync(attachment, _random.Next(1, 60));
                if (attachment.EndReason == AttachmentEnd.None && _random.Next(3) > 0)
                {
                    await attachment.WaitForCommitAsync().AsTask().WaitAsync(Limit);
                }

                Acknowledged = Math.Max(Acknowledged, attachment.DurableCount);
                attachment.Detach();
                await attachment.WaitForCommitAsync().AsTask().WaitAsync(Limit);
                await attachment.WaitForRoomAsync().AsTask().WaitAsync(Limit);
                Acknowledged = Math.Max(Acknowledged, attachment.DurableCount);
            }
        }

        public static byte[] Lines(string stream, long first, long count) =>
            Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, (int)count).Select(i => $"{stream} {first + i} {new string('x', (int)((first + i) * 31 % 90))}\n")));

        private async Task SendAsync(StreamAttachment attachment, int pieces)
        {
            long next = attachment.Count + 1;
            for (int piece = 0; piece < pieces; piece++)
            {
                int count = _random.Next(1, 40);
                byte[] lines = Lines(stream, next, count);
                AppendResult result;
                while ((result = attachment.TryAppend(lines, count)) == AppendResult.NoRoom)
                {
                    await attachment.WaitForRoomAsync().AsTask().WaitAsync(Limit);
                }

                if (result == AppendResult.Ended)
                {
                    Assert.NotEqual(AttachmentEnd.None, attachment.EndReason);
                    return;
                }

                next += count;
                Acknowledged = Math.Max(Acknowledged, attachment.DurableCount);
            }
        }
    }
}
