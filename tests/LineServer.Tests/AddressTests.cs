using System.Net;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>The forms of an address, and how the log shows them.</summary>
public class AddressTests
{
    [Theory]
    [InlineData("tcp://127.0.0.1:0", "tcp://127.0.0.1:", "127.0.0.1")]
    [InlineData("tcp://[::1]:0", "tcp://[::1]:", "::1")]
    [InlineData("tcp://localhost:0", "tcp://127.0.0.1:", "127.0.0.1")]
    [InlineData("tcp://*:0", "tcp://[::]:", "127.0.0.1")]
    [InlineData("tcp://*:0", "tcp://[::]:", "::1")]
    [InlineData("tcp://[::]:0", "tcp://[::]:", "::1")]
    [InlineData("tcp://0.0.0.0:0", "tcp://0.0.0.0:", "127.0.0.1")]
    public async Task The_log_says_the_real_address_and_clients_reach_it(string address, string logged, string reached)
    {
        await using DaemonProcess daemon = DaemonProcess.Start("--listen", address);
        Assert.StartsWith(logged, await daemon.AddressAsync(), StringComparison.Ordinal);
        int port = int.Parse((await daemon.AddressAsync()).Split(':')[^1]);
        Assert.NotEqual(0, port);
        using LineSocket client = await LineSocket.ConnectAsync(new IPEndPoint(IPAddress.Parse(reached), port));
        await client.SendAsync("hello\n");
        Assert.Equal("hello", await client.ReadLineAsync());
    }

    [Fact]
    public async Task Each_listen_option_is_an_endpoint()
    {
        using var directory = new TemporaryDirectory();
        await using DaemonProcess daemon = DaemonProcess.Start(
            new DaemonStart("-l", "tcp://127.0.0.1:0", "-l", "tcp://127.0.0.1:0", "-l", "unix:relative.sock") { WorkingDirectory = directory.Path });
        foreach (string endpoint in new[] { "echo1", "echo2", "echo3" })
        {
            using LineSocket client = await daemon.ConnectAsync(endpoint);
            await client.SendAsync($"{endpoint}\n");
            Assert.Equal(endpoint, await client.ReadLineAsync());
        }

        Assert.Equal($"unix:{directory["relative.sock"]}", await daemon.AddressAsync("echo3"));
        Assert.NotEqual(await daemon.AddressAsync("echo1"), await daemon.AddressAsync("echo2"), StringComparer.Ordinal);
    }
}
