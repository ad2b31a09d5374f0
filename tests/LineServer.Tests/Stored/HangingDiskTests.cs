using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>A file system of a real kernel on which every write waits.</summary>
public sealed class HangingDiskTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task While_the_disk_hangs_a_client_hears_what_is_durable_again_and_nothing_more()
    {
        await using LoopMount mount = await LoopMount.MakeAsync("ext4", _directory.Path, mebibytes: 160);
        using var store = new StoreDirectory(mount.Path);
        await using DaemonProcess daemon = store.Serve();
        using LineSocket client = await daemon.ConnectAsync("lines");
        using LineSocket idle = await daemon.ConnectAsync("lines");
        await client.SendAsync("LS1 s\none\n");
        Assert.StartsWith("OK 0 ", await client.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Equal("ACK 1", await client.ReadLineAsync());
        await idle.SendAsync("LS1 t\n");
        Assert.StartsWith("OK 0 ", await idle.ReadLineAsync(), StringComparison.Ordinal);

        await using (await mount.FreezeAsync())
        {
            await client.SendAsync("two\nthree\n");
            Assert.Equal("ACK 1", await client.ReadLineAsync());
        }

        await client.ReadAcknowledgementAsync(3);
        // Nobody waits for a line of its own, so there was nothing to say again.
        idle.HalfClose();
        Assert.Equal("BYE 0 0\n", await idle.ReadToEndAsync());
        Assert.Equal(0, await daemon.StopAsync());
        Assert.Equal("one\ntwo\nthree\n", store.Lines("s"));
    }
}
