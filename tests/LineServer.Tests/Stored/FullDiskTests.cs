using System.Net;
using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>A small file system of a real kernel that fills up under the store, and gets room again.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly StreamSender[] _senders = [.. Enumerable.Range(0, 8).Select(i => new StreamSender($"s{i}", maxLineSize: 1000))];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_full_disk_loses_nothing_and_the_store_goes_on_by_itself_when_there_is_room()
    {
        await using LoopMount mount = await LoopMount.MakeAsync("ext4", _directory.Path, mebibytes: 160);
        using var store = new StoreDirectory(mount.Path);
        await using DaemonProcess daemon = store.Serve();
        EndPoint endPoint = await FillAsync(mount, daemon);

        using (LineSocket refused = await LineSocket.ConnectAsync(endPoint))
        {
            await refused.SendAsync("LS1 other\n");
            Assert.StartsWith("ERR 507 retry=", await refused.ReadLineAsync(), StringComparison.Ordinal);
        }

        // A reader may come just when a recovery has cut the segment, and writes it again.
        string lines;
        do
        {
            using LineSocket reader = await daemon.ConnectAsync("readers");
            await reader.SendAsync("LR1 s0\n");
            Assert.StartsWith("OK from=1 ", await reader.ReadLineAsync(), StringComparison.Ordinal);
            lines = await reader.ReadToEndAsync();
        }
        while (lines.Length == 0);

        _senders[0].CompareText(lines);

        Ballast.Remove(mount.Path);
        await daemon.Log.FirstAsync("takes lines again");
        await ResumeAsync(endPoint);
        Assert.Equal(0, await daemon.StopAsync());
        Assert.All(_senders, sender => sender.Compare(store.Lines(sender.Stream)));
    }

    [Fact]
    public async Task A_server_whose_disk_is_full_stops_in_order_and_starts_when_there_is_room()
    {
        await using LoopMount mount = await LoopMount.MakeAsync("ext4", _directory.Path, mebibytes: 160);
        using var store = new StoreDirectory(mount.Path);
        await using DaemonProcess daemon = store.Serve();
        await FillAsync(mount, daemon);
        Assert.Equal(0, await daemon.StopAsync());

        Ballast.Remove(mount.Path);
        await using DaemonProcess next = store.Serve();
        await next.EndPointAsync("lines");
        Assert.All(_senders, sender => sender.Compare(store.Lines(sender.Stream)));
        Assert.Equal(0, await next.StopAsync());
    }

    [Fact]
    public async Task A_log_file_that_finds_no_room_leaves_the_room_to_the_lines()
    {
        await using LoopMount mount = await LoopMount.MakeAsync("ext4", _directory.Path, mebibytes: 160);
        using var store = new StoreDirectory(mount.Path);
        await using DaemonProcess daemon = store.Serve();
        // The next log file is begun when 32 MiB of lines are in this one, and takes 64.
        EndPoint endPoint = await LeaveAsync(mount, daemon, mebibytes: 50);
        await SendUntilRefusedAsync(endPoint);
        await daemon.Log.FirstAsync("takes lines again");
        await ResumeAsync(endPoint);
        Assert.Equal(0, await daemon.StopAsync());
        Assert.All(_senders, sender => sender.Compare(store.Lines(sender.Stream)));
    }

    private static async Task<EndPoint> LeaveAsync(LoopMount mount, DaemonProcess daemon, int mebibytes)
    {
        EndPoint endPoint = await daemon.EndPointAsync("lines");
        await Ballast.LeaveAsync(mount.Path, mebibytes);
        return endPoint;
    }

    /// <summary>Leaves room for less lines than the log, and sends until the disk is full.</summary>
    private async Task<EndPoint> FillAsync(LoopMount mount, DaemonProcess daemon)
    {
        EndPoint endPoint = await LeaveAsync(mount, daemon, mebibytes: 8);
        await SendUntilRefusedAsync(endPoint);
        // Not only one write has failed: the store cannot be recovered.
        await daemon.Log.UntilAsync(lines => lines.Count(line => line.Contains("store main has failed", StringComparison.Ordinal)) > 1);
        return endPoint;
    }

    private async Task SendUntilRefusedAsync(EndPoint endPoint)
    {
        string?[] errors = await Task.WhenAll(_senders.Select(sender => sender.SendAsync(endPoint))).Guarded();
        Assert.All(errors, error => Assert.StartsWith("ERR 507 ", error, StringComparison.Ordinal));
    }

    private async Task ResumeAsync(EndPoint endPoint)
    {
        string?[] errors = await Task.WhenAll(_senders.Select(sender => sender.SendAsync(endPoint, sender.Acknowledged + 1))).Guarded();
        Assert.All(errors, Assert.Null);
    }
}
