using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using LineServer.Storage;
using LineServer.Storage.Internal.Files;

namespace LineServer.Benchmarks.Stores;

/// <summary>One producer appends, waits until it is durable, and appends again.</summary>
[SupportedOSPlatform("linux")]
internal static class CommitRun
{
    private const int LineSize = 100;
    private const int MostCommits = 1 << 22;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    /// <param name="directory">Where the store's directory is made, and removed afterwards.</param>
    /// <param name="time">How long it runs, after a warm-up.</param>
    /// <param name="syncDelay">Added to each fdatasync.</param>
    /// <param name="linesPerCommit">Lines of 100 bytes, over all streams.</param>
    /// <param name="streams">The number of streams.</param>
    public static async Task<Figures> MeasureAsync(string directory, TimeSpan time, TimeSpan syncDelay, int linesPerCommit, int streams)
    {
        string path = Directory.CreateDirectory(Path.Combine(directory, $"store-{Guid.NewGuid():N}")).FullName;
        try
        {
            var store = new LineStore(new SlowStoreFiles(new LinuxStoreFiles(path), syncDelay), new StoreOptions(), TimeProvider.System, heldLock: null);
            Figures figures = await MeasureAsync(store, time, linesPerCommit, streams);
            await store.DisposeAsync();
            return figures;
        }
        finally
        {
            Directory.Delete(path, recursive: true);
        }
    }

    private static async Task<Figures> MeasureAsync(LineStore store, TimeSpan time, int linesPerCommit, int streams)
    {
        using var producer = new Producer();
        var attachments = new StreamAttachment[streams];
        for (int i = 0; i < streams; i++)
        {
            attachments[i] = await store.AttachAsync($"perf-{i}", producer);
        }

        Figures figures = Measure(attachments, producer, time, linesPerCommit / streams);
        foreach (StreamAttachment attachment in attachments)
        {
            attachment.Detach();
        }

        return figures;
    }

    private static Figures Measure(StreamAttachment[] attachments, Producer producer, TimeSpan time, int count)
    {
        byte[] lines = new byte[count * LineSize];
        lines.AsSpan().Fill((byte)'a');
        for (int line = 1; line <= count; line++)
        {
            lines[(line * LineSize) - 1] = (byte)'\n';
        }

        long[] took = new long[MostCommits];
        (int commits, long appended) = (0, 0);
        long allocated = 0, measured = 0, start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < WarmUp + time && commits < MostCommits)
        {
            if (measured == 0 && Stopwatch.GetElapsedTime(start) >= WarmUp)
            {
                (commits, allocated, measured) = (0, GC.GetTotalAllocatedBytes(precise: true), Stopwatch.GetTimestamp());
            }

            appended += count;
            long before = Stopwatch.GetTimestamp();
            foreach (StreamAttachment attachment in attachments)
            {
                if (attachment.TryAppend(lines, count) != AppendResult.Taken)
                {
                    throw new InvalidOperationException("The store does not take lines.");
                }
            }

            foreach (StreamAttachment attachment in attachments)
            {
                while (attachment.DurableCount < appended)
                {
                    producer.Wait();
                }
            }

            took[commits++] = Stopwatch.GetTimestamp() - before;
        }

        double seconds = Stopwatch.GetElapsedTime(measured).TotalSeconds;
        allocated = GC.GetTotalAllocatedBytes(precise: true) - allocated;
        Span<long> sorted = took.AsSpan(0, commits);
        sorted.Sort();
        double Percentile(Span<long> all, double part) => all[(int)(all.Length * part)] * (1e6 / Stopwatch.Frequency);
        return new(
            commits / seconds,
            Percentile(sorted, 0.5),
            Percentile(sorted, 0.99),
            Percentile(sorted, 0.999),
            allocated / (double)commits);
    }

    /// <summary>Latencies are in microseconds.</summary>
    [StructLayout(LayoutKind.Auto)]
    internal readonly record struct Figures(double CommitsPerSecond, double P50, double P99, double P999, double AllocatedPerCommit);

    private sealed class Producer : IAttachmentOwner, IDisposable
    {
        private readonly AutoResetEvent _changed = new(initialState: false);

        public void OnChanged() => _changed.Set();

        public void Wait() => _changed.WaitOne();

        public void Dispose() => _changed.Dispose();
    }
}
