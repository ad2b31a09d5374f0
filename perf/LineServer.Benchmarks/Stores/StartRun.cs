using System.Diagnostics;
using System.Runtime.Versioning;
using LineServer.Storage;
using LineServer.Storage.Internal;
using LineServer.Storage.Internal.Commit;
using LineServer.Storage.Internal.Files;

namespace LineServer.Benchmarks.Stores;

/// <summary>
/// Opens a store that was not closed: many segments are kept, and its log is full of lines that no checkpoint covers.
/// </summary>
[SupportedOSPlatform("linux")]
internal static class StartRun
{
    private const int LineSize = 100;
    private const int LinesAppended = 160; // of one stream at a time
    private const int CommitBytes = 1024 * 1024;

    /// <returns>The time to open, the lines that were recovered, and the segments that are kept.</returns>
    public static async Task<(TimeSpan Took, long Recovered, long Segments)> MeasureAsync(string directory, int streams, int segments)
    {
        string path = Directory.CreateDirectory(Path.Combine(directory, $"store-{Guid.NewGuid():N}")).FullName;
        try
        {
            var files = new LinuxStoreFiles(path);
            await FillSegmentsAsync(files, streams, segments);
            await FillLogAsync(files, streams);
            var recovery = new Recovery(files, new StoreOptions());
            long start = Stopwatch.GetTimestamp();
            using StoreCore opened = recovery.Open();
            TimeSpan took = Stopwatch.GetElapsedTime(start);
            return (took, recovery.RecoveredLines, Directory.GetFiles(Path.Combine(path, "lines"), "*.log", SearchOption.AllDirectories).LongLength);
        }
        finally
        {
            Directory.Delete(path, recursive: true);
        }
    }

    // Segments of the smallest size: their number counts here, not their bytes.
    private static async Task FillSegmentsAsync(LinuxStoreFiles files, int streams, int segments)
    {
        var options = new StoreOptions { SegmentSize = StoreOptions.SmallestSegmentSize };
        using StoreCore core = new Recovery(files, options).Open();
        StreamAttachment[] attachments = await AttachAsync(core, streams);
        byte[] lines = Lines();
        long perStream = segments * options.SegmentSize / lines.Length;
        for (long round = 0; round < perStream; round++)
        {
            Append(core, attachments, lines);
            while (core.ApplyNext())
            {
            }

            if (core.IsCheckpointDue)
            {
                core.WriteCheckpoint();
            }
        }

        core.WriteCheckpoint();
    }

    // Nothing is applied, until the log has no room.
    private static async Task FillLogAsync(LinuxStoreFiles files, int streams)
    {
        using StoreCore core = new Recovery(files, new StoreOptions { MaxUnapplied = long.MaxValue }).Open();
        StreamAttachment[] attachments = await AttachAsync(core, streams);
        byte[] lines = Lines();
        while (Append(core, attachments, lines))
        {
        }
    }

    private static async Task<StreamAttachment[]> AttachAsync(StoreCore core, int streams)
    {
        var answers = new Task<StreamAttachment>[streams];
        for (int i = 0; i < streams; i++)
        {
            answers[i] = core.AttachAsync($"perf-{i}", isShared: false, new Nobody());
        }

        Commit(core);
        return await Task.WhenAll(answers);
    }

    private static byte[] Lines()
    {
        byte[] lines = new byte[LineSize * LinesAppended];
        lines.AsSpan().Fill((byte)'a');
        for (int line = 1; line <= LinesAppended; line++)
        {
            lines[(line * LineSize) - 1] = (byte)'\n';
        }

        return lines;
    }

    private static bool Append(StoreCore core, StreamAttachment[] attachments, byte[] lines)
    {
        int gathered = 0;
        foreach (StreamAttachment attachment in attachments)
        {
            if (attachment.TryAppend(lines, LinesAppended) != AppendResult.Taken)
            {
                throw new InvalidOperationException("The store does not take lines.");
            }

            gathered += lines.Length;
            if (gathered >= CommitBytes)
            {
                gathered = 0;
                if (!Commit(core))
                {
                    return false;
                }
            }
        }

        return Commit(core);
    }

    // False if there is no room.
    private static bool Commit(StoreCore core)
    {
        while (true)
        {
            switch (core.CommitNext())
            {
                case CommitOutcome.Idle:
                    return true;
                case CommitOutcome.Blocked:
                    return false;
            }
        }
    }

    private sealed class Nobody : IAttachmentOwner
    {
        public void OnChanged()
        {
        }
    }
}
