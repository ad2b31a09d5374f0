using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>The echo, discard and delay handlers. The print handler has tests of its own.</summary>
public class HandlerTests
{
    [Fact]
    public async Task Echo_puts_its_prefix_before_each_line_and_changes_nothing_else()
    {
        await using DaemonProcess daemon = DaemonProcess.Start(
            "--set", "Endpoints:e:Address=tcp://127.0.0.1:0", "--set", "Endpoints:e:Handler=echo", "--set", "Endpoints:e:Prefix=> ");
        Assert.Equal("> a\r\n> \0\xff\n> \n", await ConverseAsync(daemon, "a\r\n\0\xff\n\nrest"));
    }

    [Fact]
    public async Task Discard_takes_everything_and_answers_nothing()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("discard");
        Assert.Equal("", await ConverseAsync(daemon, string.Concat(Enumerable.Repeat("line\n", 100_000))));
    }

    [Fact]
    public async Task Delay_answers_one_line_of_a_connection_at_a_time_and_in_order()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("delay");
        Assert.Equal("slow\nfast\n\n with spaces \n", await ConverseAsync(daemon, "200 slow\n0 fast\r\n0 \n1  with spaces \n"));
    }

    [Fact]
    public async Task Delay_says_what_it_expects_and_goes_on()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("delay");
        const string Error = "error: expected \"<milliseconds> <text>\", with at most 86400000 milliseconds\n";
        string bad = "\nabc\n-1 x\n1\n1x y\n86400001 x\n99999999999 x\n 1 x\n+1\n";
        Assert.Equal(string.Concat(Enumerable.Repeat(Error, 9)) + "fine\n", await ConverseAsync(daemon, $"{bad}0 fine\n"));
    }

    [Fact]
    public async Task Delay_lets_a_thousand_connections_wait_at_once()
    {
        const int Count = 1000;
        await using DaemonProcess daemon = DaemonProcess.Serve("delay");
        var endPoint = await daemon.EndPointAsync();
        LineSocket[] clients = await Task.WhenAll(Enumerable.Range(0, Count).Select(_ => LineSocket.ConnectAsync(endPoint)));
        var started = System.Diagnostics.Stopwatch.StartNew();
        string?[] replies = await Task.WhenAll(clients.Select(async (client, i) =>
        {
            await client.SendAsync($"1000 {i}\n");
            return await client.ReadLineAsync();
        }));
        Assert.Equal(Enumerable.Range(0, Count).Select(i => i.ToString()), replies, StringComparer.Ordinal);
        // One after the other, they would take a thousand seconds.
        Assert.InRange(started.Elapsed, TimeSpan.FromSeconds(0.99), TimeSpan.FromSeconds(20));
        Array.ForEach(clients, client => client.Dispose());
    }

    private static async Task<string> ConverseAsync(DaemonProcess daemon, string text)
    {
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync(text);
        client.HalfClose();
        return await client.ReadToEndAsync();
    }
}
