using System.Net;
using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>
/// A disk that gives errors: a sparse image in a tmpfs that is too small for it. The kernel tells of some of them only
/// at a sync.
/// </summary>
public sealed class DiskErrorTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly StreamSender[] _senders = [.. Enumerable.Range(0, 8).Select(i => new StreamSender($"s{i}", maxLineSize: 1000))];

    public void Dispose() => _directory.Dispose();

    /// <summary>A journal that cannot be written ends its file system, until it is mounted again. Without one, it goes on.</summary>
    [Fact]
    public async Task Nothing_is_lost_by_a_disk_that_fails_for_a_while_and_the_store_goes_on_by_itself()
    {
        await using MemoryMount memory = await MemoryMount.MakeAsync(_directory.Path, mebibytes: 160);
        await using LoopMount mount = await LoopMount.MakeAsync("ext4-nojournal", memory.Path, mebibytes: 512);
        using var store = new StoreDirectory(mount.Path);
        await using DaemonProcess daemon = store.Serve();
        EndPoint endPoint = await FailAsync(memory, daemon);
        Ballast.Remove(memory.Path);
        await daemon.Log.FirstAsync("takes lines again");
        string?[] errors = await Task.WhenAll(_senders.Select(sender => sender.SendAsync(endPoint, sender.Acknowledged + 1))).Guarded();
        Assert.All(errors, Assert.Null);
        Assert.Equal(0, await daemon.StopAsync());
        await mount.UnmountAsync();
        await mount.MountAsync();
        Assert.All(_senders, sender => sender.Compare(store.Lines(sender.Stream)));
    }

    [Theory]
    [InlineData("ext4")]
    [InlineData("xfs")]
    public async Task A_server_whose_disk_has_failed_stops_in_order_and_loses_nothing(string fileSystem)
    {
        await using MemoryMount memory = await MemoryMount.MakeAsync(_directory.Path, mebibytes: 256);
        await using LoopMount mount = await LoopMount.MakeAsync(fileSystem, memory.Path, mebibytes: 512);
        using var store = new StoreDirectory(mount.Path);
        await using DaemonProcess daemon = store.Serve();
        await FailAsync(memory, daemon);
        Assert.Equal(0, await daemon.StopAsync());

        await mount.UnmountAsync();
        Ballast.Remove(memory.Path);
        await mount.MountAsync();
        await using DaemonProcess next = store.Serve();
        await next.EndPointAsync("lines");
        Assert.All(_senders, sender => sender.Compare(store.Lines(sender.Stream)));
        Assert.Equal(0, await next.StopAsync());
    }

    /// <summary>Leaves room for a few lines below the file system, and sends until the disk fails.</summary>
    private async Task<EndPoint> FailAsync(MemoryMount memory, DaemonProcess daemon)
    {
        EndPoint endPoint = await daemon.EndPointAsync("lines");
        await Ballast.LeaveAsync(memory.Path, mebibytes: 8);
        string?[] errors = await Task.WhenAll(_senders.Select(sender => sender.SendAsync(endPoint))).Guarded();
        Assert.All(errors, error => Assert.StartsWith("ERR 507 ", error, StringComparison.Ordinal));
        return endPoint;
    }
}
