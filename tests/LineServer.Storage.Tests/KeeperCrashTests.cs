using LineServer.Storage.Internal;
using LineServer.Storage.Internal.Commit;
using LineServer.Storage.Tests.Disk;

namespace LineServer.Storage.Tests;

/// <summary>Compression that ends at any call, and a machine that ends after it is done again: no line is lost.</summary>
public sealed class KeeperCrashTests : IAttachmentOwner
{
    void IAttachmentOwner.OnChanged()
    {
    }

    [Fact]
    public void A_segment_is_never_lost_on_its_way_to_the_compressed_one()
    {
        var options = new StoreOptions { LogFileSize = 64 * 1024, SegmentSize = 30, Compression = SegmentCompression.Zstd };
        for (int seed = 0; seed < 200; seed++)
        {
            var disk = new SimulatedDisk(new Random(seed));
            StoreLines(disk, options);
            var keeper = new Keeper(disk, options, TimeProvider.System);
            disk.CrashesAt = disk.Calls + 1 + (seed % 12);
            Exception? crashed = Record.Exception(() => keeper.Compress(TestContext.Current.CancellationToken));
            Assert.True(crashed is null or MachineCrashedException, $"seed {seed}: {crashed}");
            disk.EndProcess();
            disk.CrashesAt = disk.Calls + 1 + (seed % 7);
            _ = Record.Exception(() => keeper.Compress(TestContext.Current.CancellationToken));
            disk.EndMachine();
            using StoreCore core = new Recovery(disk, options).Open();
            using var cursor = new StreamCursor(disk, "s", 1);
            long count = 0;
            Exception? lost = Record.Exception(() =>
            {
                while (cursor.TryRead(100, out _, out long more))
                {
                    count += more;
                }
            });
            Assert.True(count == 12, $"seed {seed}: {count} lines are left: {lost}");
        }
    }

    private void StoreLines(SimulatedDisk disk, StoreOptions options)
    {
        using StoreCore core = new Recovery(disk, options).Open();
        Task<StreamAttachment> answer = core.AttachAsync("s", isShared: false, this);
        Assert.Equal(CommitOutcome.Committed, core.CommitNext());
        for (int i = 0; i < 12; i++)
        {
#pragma warning disable xUnit1031, VSTHRD002 // It has completed.
            Assert.Equal(AppendResult.Taken, answer.Result.TryAppend("0123456789\n"u8, 1));
#pragma warning restore xUnit1031, VSTHRD002
            Assert.Equal(CommitOutcome.Committed, core.CommitNext());
            Assert.True(core.ApplyNext());
        }

        core.WriteCheckpoint();
    }
}
