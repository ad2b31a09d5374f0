using System.Net.Sockets;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>What may stand at the path of a Unix socket before the daemon starts, and what stands there after it.</summary>
public sealed class UnixSocketTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Path => _directory["echo.sock"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_file_goes_when_the_daemon_stops()
    {
        await using DaemonProcess daemon = DaemonProcess.Start("--listen", $"unix:{Path}");
        await daemon.EndPointAsync();
        Assert.True(File.Exists(Path));
        Assert.Equal(0, await daemon.StopAsync());
        Assert.False(File.Exists(Path));
    }

    [Fact]
    public async Task A_stale_file_is_replaced()
    {
        using (var killed = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            killed.Bind(new UnixDomainSocketEndPoint(Path));
            // .NET removes the file on Dispose; a process that was killed does not.
            File.Move(Path, $"{Path}.kept");
        }

        File.Move($"{Path}.kept", Path);
        await using DaemonProcess daemon = DaemonProcess.Start("--listen", $"unix:{Path}");
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync("hello\n");
        Assert.Equal("hello", await client.ReadLineAsync());
    }

    [Fact]
    public async Task A_live_one_is_an_error_and_goes_on_living()
    {
        await using DaemonProcess first = DaemonProcess.Start("--listen", $"unix:{Path}");
        await first.EndPointAsync();
        await AssertRefused("another process listens on it");
        using LineSocket client = await first.ConnectAsync();
        await client.SendAsync("hello\n");
        Assert.Equal("hello", await client.ReadLineAsync());
    }

    [Fact]
    public async Task A_regular_file_is_an_error_and_stays()
    {
        await File.WriteAllTextAsync(Path, "precious", TestContext.Current.CancellationToken);
        await AssertRefused("the path exists, and is no socket");
        Assert.Equal("precious", await File.ReadAllTextAsync(Path, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_directory_is_an_error()
    {
        Directory.CreateDirectory(Path);
        await AssertRefused("the path exists, and is no socket");
    }

    [Fact]
    public async Task A_fifo_is_an_error_and_does_not_hang_the_start()
    {
        Assert.Equal(0, (await Tool.RunAsync("mkfifo", Path)).Status);
        await AssertRefused("the path exists, and is no socket");
    }

    [Fact]
    public async Task A_dangling_link_is_an_error()
    {
        File.CreateSymbolicLink(Path, _directory["nowhere"]);
        await AssertRefused("the path exists, and is no socket");
    }

    private async Task AssertRefused(string problem) =>
        (await DaemonProcess.RunAsync("--listen", $"unix:{Path}")).AssertOneLine(1, $"lineserver: endpoint 'echo' cannot listen on unix:{Path}: {problem}");
}
