using System.Net.Sockets;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>
/// What may exist at the path of a Unix socket before the daemon starts, and what exists after it ends.
/// </summary>
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
        LeaveStaleFile();
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
        await AssertRefused("the path exists and is not a socket");
        Assert.Equal("precious", await File.ReadAllTextAsync(Path, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_directory_is_an_error()
    {
        Directory.CreateDirectory(Path);
        await AssertRefused("the path exists and is not a socket");
    }

    [Fact]
    public async Task A_fifo_is_an_error_and_does_not_hang_the_start()
    {
        Assert.Equal(0, (await Tool.RunAsync("mkfifo", Path)).Status);
        await AssertRefused("the path exists and is not a socket");
    }

    [Fact]
    public async Task A_dangling_link_is_an_error()
    {
        File.CreateSymbolicLink(Path, _directory["nowhere"]);
        await AssertRefused("the path exists and is not a socket");
    }

    [Fact]
    public async Task Of_four_that_start_at_once_on_one_stale_file_exactly_one_wins()
    {
        const int Rounds = 20;
        const int Contenders = 4;
        for (int round = 0; round < Rounds; round++)
        {
            LeaveStaleFile();
            DaemonProcess[] daemons = [.. Enumerable.Range(0, Contenders).Select(_ => DaemonProcess.Start("--listen", $"unix:{Path}"))];
            try
            {
                // Each daemon accepts connections, or ends.
                bool[] accepts = await Task.WhenAll(daemons.Select(async daemon =>
                    (await daemon.Log.FirstAsync(line => line.Contains(" accepts on ", StringComparison.Ordinal) || line.StartsWith("lineserver: ", StringComparison.Ordinal)))
                        .Contains(" accepts on ", StringComparison.Ordinal)));
                DaemonProcess winner = daemons[Assert.Single(Enumerable.Range(0, Contenders), i => accepts[i])];
                foreach (DaemonProcess loser in daemons.Except([winner]))
                {
                    Assert.Equal(1, await loser.ExitAsync());
                    Assert.Equal([$"lineserver: endpoint 'echo' cannot listen on unix:{Path}: another process listens on it"], loser.Log.Lines);
                }

                await AssertEchoesAsync();
                Assert.Equal(0, await winner.StopAsync());
                Assert.Empty(Directory.GetFiles(_directory.Path));
            }
            finally
            {
                foreach (DaemonProcess daemon in daemons)
                {
                    await daemon.DisposeAsync();
                }
            }
        }
    }

    [Fact]
    public async Task The_end_of_one_leaves_the_file_of_its_successor()
    {
        await using DaemonProcess first = DaemonProcess.Start("--listen", $"unix:{Path}");
        await first.EndPointAsync();
        // Somebody deletes the file while the daemon runs.
        File.Delete(Path);
        File.Delete($"{Path}.lock");
        await using DaemonProcess second = DaemonProcess.Start("--listen", $"unix:{Path}");
        await second.EndPointAsync();
        Assert.Equal(0, await first.StopAsync());
        await AssertEchoesAsync();
        await AssertRefused("another process listens on it");
        Assert.Equal(0, await second.StopAsync());
        Assert.Empty(Directory.GetFiles(_directory.Path));
    }

    [Fact]
    public async Task A_successor_takes_the_path_while_the_predecessor_drains()
    {
        await using DaemonProcess first = DaemonProcess.Start("--listen", $"unix:{Path}", "--handler", "delay");
        using LineSocket client = await first.ConnectAsync();
        await client.SendAsync("0 there\n2000 answered\n");
        Assert.Equal("there", await client.ReadLineAsync());
        first.Send(Signal.Terminate);
        await first.Log.FirstAsync("draining");
        using var gone = new FileSystemWatcher(_directory.Path);
        await UntilGoneAsync(gone);
        await using DaemonProcess second = DaemonProcess.Start("--listen", $"unix:{Path}");
        await second.EndPointAsync();
        Assert.Equal("answered\n", await client.ReadToEndAsync());
        Assert.Equal(0, await first.ExitAsync());
        await AssertEchoesAsync();
    }

    [Fact]
    public async Task The_file_gets_its_mode_and_group()
    {
        // The only group that a user other than root can always set.
        string group = Environment.IsPrivilegedProcess ? "65534" : (await Tool.RunAsync("id", "-g")).Output.Trim();
        await using DaemonProcess daemon = DaemonProcess.Start(
            "--set", $"Endpoints:e:Address=unix:{Path}", "--set", "Endpoints:e:UnixSocketMode=0620", "--set", $"Endpoints:e:UnixSocketGroup={group}");
        await daemon.EndPointAsync();
        Assert.Equal($"620 {group}\n", (await Tool.RunAsync("stat", "-c", "%a %g", Path)).Output);
    }

    [Fact]
    public async Task An_abstract_name_makes_no_file()
    {
        string name = $"@lineserver-{Guid.NewGuid()}";
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", $"unix:{name}") { WorkingDirectory = _directory.Path });
        Assert.Equal($"unix:{name}", await daemon.AddressAsync());
        using LineSocket client = await LineSocket.ConnectAsync(new UnixDomainSocketEndPoint($"\0{name[1..]}"));
        await client.SendAsync("hello\n");
        Assert.Equal("hello", await client.ReadLineAsync());
        Assert.Empty(Directory.GetFiles(_directory.Path));
        (await DaemonProcess.RunAsync("--listen", $"unix:{name}")).AssertOneLine(
            1, $"lineserver: endpoint 'echo' cannot listen on unix:{name}: the address is in use, by another process or another endpoint");
    }

    private async Task AssertEchoesAsync()
    {
        using LineSocket client = await LineSocket.ConnectAsync(new UnixDomainSocketEndPoint(Path));
        await client.SendAsync("hello\n");
        Assert.Equal("hello", await client.ReadLineAsync());
    }

    private async Task UntilGoneAsync(FileSystemWatcher watcher)
    {
        var gone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        watcher.Deleted += (_, deleted) =>
        {
            if (deleted.FullPath == $"{Path}.lock")
            {
                gone.TrySetResult();
            }
        };
        watcher.EnableRaisingEvents = true;
        if (File.Exists($"{Path}.lock"))
        {
            await gone.Task.Guarded();
        }
    }

    // As a killed process leaves it.
    private void LeaveStaleFile()
    {
        using var killed = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        killed.Bind(new UnixDomainSocketEndPoint(Path));
        // .NET deletes the file on Dispose; a killed process does not.
        File.Move(Path, $"{Path}.kept");
        killed.Dispose();
        File.Move($"{Path}.kept", Path);
    }

    private async Task AssertRefused(string problem) =>
        (await DaemonProcess.RunAsync("--listen", $"unix:{Path}")).AssertOneLine(1, $"lineserver: endpoint 'echo' cannot listen on unix:{Path}: {problem}");
}
