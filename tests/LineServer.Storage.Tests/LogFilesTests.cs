using LineServer.Storage.Internal.Log;
using LineServer.Storage.Tests.Disk;

namespace LineServer.Storage.Tests;

public sealed class LogFilesTests
{
    [Fact]
    public void A_log_file_that_cannot_be_filled_gives_its_room_back()
    {
        var disk = new SimulatedDisk(new Random(1)) { WriteFailsOneIn = 1 };
        disk.CreateDirectory(LogFiles.Directory);
        Assert.Throws<IOException>(() => new LogFiles(disk, 64 * 1024));
        Assert.Equal(0, disk.LengthOf(LogFiles.Unfilled));
        Assert.Null(disk.LengthOf(LogFiles.PathOf(0)));

        disk.WriteFailsOneIn = 0;
        using var log = new LogFiles(disk, 64 * 1024);
        Assert.Equal(64 * 1024, disk.LengthOf(LogFiles.PathOf(0)));
        Assert.Null(disk.LengthOf(LogFiles.Unfilled));
    }

    [Fact]
    public void A_log_file_for_which_there_is_no_room_takes_none()
    {
        var disk = new SimulatedDisk(new Random(1));
        disk.CreateDirectory(LogFiles.Directory);
        using var log = new LogFiles(disk, 4 * 1024 * 1024);
        disk.IsFull = true;
        Assert.Throws<IOException>(() => log.PrepareNext(0));
        Assert.Equal(0, disk.LengthOf(LogFiles.Unfilled));

        // Nor does it keep what it has when others take the rest of the disk.
        disk.IsFull = false;
        log.PrepareNext(0);
        Assert.NotEqual(0, disk.LengthOf(LogFiles.Unfilled));
        disk.IsFull = true;
        Assert.Throws<IOException>(() => log.PrepareNext(0));
        Assert.Equal(0, disk.LengthOf(LogFiles.Unfilled));

        disk.IsFull = false;
        log.PrepareNext(4 * 1024 * 1024);
        Assert.Equal(4 * 1024 * 1024, disk.LengthOf(LogFiles.PathOf(1)));
    }
}
