using System.Net;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>
/// Limits and framing from a configuration take effect. Hosting's tests cover all their cases.
/// </summary>
public class LimitTests
{
    [Theory]
    [InlineData("Close", "1234\n")]
    [InlineData("Discard", "1234\nx\n")]
    [InlineData("Truncate", "1234\n1234\nx\n")]
    public async Task MaxLineSize_acts_as_OversizeLineBehavior_says(string behavior, string replies)
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("echo", "Limits:MaxLineSize=4", $"Framing:OversizeLineBehavior={behavior}");
        Assert.Equal(replies, await ConverseAsync(daemon, "1234\n12345\nx\n"));
        Assert.Contains("a line is longer than 4 bytes", await daemon.Log.FirstAsync("warn: LineServer.Hosting"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("MaxConcurrentConnections")]
    [InlineData("MaxConcurrentConnectionsPerPeer")]
    public async Task One_connection_too_many_is_closed_in_order_and_the_others_go_on(string limit)
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("echo", $"Limits:{limit}=2");
        using LineSocket first = await daemon.ConnectAsync();
        using LineSocket second = await daemon.ConnectAsync();
        Assert.Equal("a", await AskAsync(first, "a"));
        Assert.Equal("b", await AskAsync(second, "b"));
        using (LineSocket third = await daemon.ConnectAsync())
        {
            Assert.Equal("", await third.ReadToEndAsync());
        }

        Assert.Contains("refused: TooMany", await daemon.Log.FirstAsync("warn: LineServer.Hosting"), StringComparison.Ordinal);
        first.HalfClose();
        Assert.Null(await first.ReadLineAsync());
        Assert.Equal("c", await AskAsync(second, "c"));
        using LineSocket fourth = await daemon.ConnectAsync();
        Assert.Equal("d", await AskAsync(fourth, "d"));
    }

    [Theory]
    [InlineData("epoll")]
    [InlineData("sockets")]
    public async Task Many_refused_clients_leave_no_descriptor_and_do_not_disturb_an_admitted_one(string transport)
    {
        await using DaemonProcess daemon = DaemonProcess.Start("--transport", transport, "--listen", "tcp://127.0.0.1:0", "--set", "Limits:MaxConcurrentConnections=1");
        using LineSocket admitted = await daemon.ConnectAsync();
        Assert.Equal("a", await AskAsync(admitted, "a"));
        int before = Directory.GetFiles($"/proc/{daemon.Id}/fd").Length;
        Task refused = Parallel.ForAsync(0, 500, new ParallelOptions { MaxDegreeOfParallelism = 20 }, async (_, _) =>
        {
            using LineSocket client = await daemon.ConnectAsync();
            Assert.Equal("", await client.ReadToEndAsync());
        });
        for (int i = 0; !refused.IsCompleted; i++)
        {
            Assert.Equal($"{i}", await AskAsync(admitted, $"{i}"));
        }

        await refused;
        // The last of them are closed slightly after their clients have seen FIN. The runtime may open a few of its own.
        Assert.True(SpinWait.SpinUntil(() => Directory.GetFiles($"/proc/{daemon.Id}/fd").Length <= before + 8, TimeSpan.FromSeconds(30)));
        Assert.Equal("z", await AskAsync(admitted, "z"));
    }

    [Theory]
    [InlineData("epoll")]
    [InlineData("sockets")]
    public async Task The_backlog_is_what_the_kernel_allows_unless_it_is_set(string transport)
    {
        string allowed = (await File.ReadAllTextAsync("/proc/sys/net/core/somaxconn", TestContext.Current.CancellationToken)).Trim();
        Assert.Equal(allowed, await BacklogAsync());
        Assert.Equal("7", await BacklogAsync("--set", "Limits:Backlog=7"));

        async Task<string> BacklogAsync(params string[] more)
        {
            await using DaemonProcess daemon = DaemonProcess.Start(["--transport", transport, "--listen", "tcp://127.0.0.1:0", .. more]);
            FinishedProcess listening = await Tool.RunAsync("ss", "-Hltn", $"sport = :{((IPEndPoint)await daemon.EndPointAsync()).Port}");
            return listening.Output.Split(' ', StringSplitOptions.RemoveEmptyEntries)[2];
        }
    }

    [Fact]
    public async Task IdleTimeout_closes_a_silent_connection()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("echo", "Limits:IdleTimeout=00:00:02");
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync("a\n");
        Assert.Equal("a\n", await client.ReadToEndAsync());
    }

    [Fact]
    public async Task LineTimeout_closes_a_connection_whose_line_does_not_end()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("echo", "Limits:LineTimeout=00:00:00.2", "Framing:IncompleteLineBehavior=Deliver");
        using LineSocket silent = await daemon.ConnectAsync();
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync("a\nhalf");
        Assert.Equal("a\n", await client.ReadToEndAsync());
        Assert.Equal("b", await AskAsync(silent, "b"));
    }

    [Theory]
    [InlineData("Discard", "a\n")]
    [InlineData("Deliver", "a\nrest")]
    public async Task IncompleteLineBehavior_decides_about_the_end_without_a_delimiter(string behavior, string replies)
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("echo", $"Framing:IncompleteLineBehavior={behavior}");
        Assert.Equal(replies, (await ConverseAsync(daemon, "a\nrest")).TrimEnd('\n') + (behavior == "Discard" ? "\n" : ""));
    }

    [Fact]
    public async Task The_delimiter_may_be_NUL()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("delay", "Framing:Delimiter=NUL");
        Assert.Equal("one\r\ntwo\0\0", await ConverseAsync(daemon, "0 one\r\ntwo\00 \0"));
    }

    [Fact]
    public async Task An_endpoint_has_limits_of_its_own()
    {
        using var directory = new TemporaryDirectory();
        string file = directory.Write("lineserver.json", """
            { "LineServer": {
                "Limits": { "MaxLineSize": 4, "IdleTimeout": "00:00:02" },
                "Endpoints": {
                  "small": { "Address": "tcp://127.0.0.1:0" },
                  "large": { "Address": "tcp://127.0.0.1:0", "Limits": { "MaxLineSize": 10, "IdleTimeout": null }, "Framing": { "OversizeLineBehavior": "Discard" } } } } }
            """);
        await using DaemonProcess daemon = DaemonProcess.Start("--config", file);
        Assert.Equal("", await ConverseAsync(daemon, "12345\nx\n", "small"));
        using LineSocket large = await daemon.ConnectAsync("large");
        using LineSocket small = await daemon.ConnectAsync("small");
        Assert.Equal("", await small.ReadToEndAsync());
        Assert.Equal("12345", await AskAsync(large, "12345678901\n12345"));
    }

    private static async Task<string?> AskAsync(LineSocket client, string line)
    {
        await client.SendAsync($"{line}\n");
        return await client.ReadLineAsync();
    }

    private static async Task<string> ConverseAsync(DaemonProcess daemon, string text, string? endpoint = null)
    {
        using LineSocket client = await daemon.ConnectAsync(endpoint);
        await client.SendAsync(text);
        client.HalfClose();
        return await client.ReadToEndAsync();
    }
}
