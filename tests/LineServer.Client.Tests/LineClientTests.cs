using System.Net.Sockets;

namespace LineServer.Client.Tests;

public sealed class LineClientTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_sends_half_closes_and_receives_to_the_end()
    {
        await using TestServer server = TestServer.Start(async socket =>
            await socket.SendAsync(await Serve.CollectAsync(socket)));
        using LineClient client = await LineClient.ConnectAsync(ServerAddress.Parse(server.Address), Cancelled);
        byte[] buffer = new byte[10];

        await client.SendAsync("a\n"u8.ToArray(), Cancelled);
        client.CompleteSending();

        Assert.Equal(2, await client.ReceiveAsync(buffer, Cancelled));
        Assert.Equal("a\n"u8.ToArray(), buffer[..2]);
        Assert.Equal(0, await client.ReceiveAsync(buffer, Cancelled));
    }

    [Fact]
    public async Task What_the_server_has_not_taken_is_known()
    {
        var end = new TaskCompletionSource();
        await using TestServer server = TestServer.Start(Serve.Silence(end.Task));
        using LineClient client = await LineClient.ConnectAsync(ServerAddress.Parse(server.Address), Cancelled);
        Assert.Equal(0, client.UnsentBytes);

        Task sending = client.SendAsync(new byte[50_000_000], Cancelled).AsTask();
        Assert.False(sending.IsCompleted);
        Assert.NotEqual(0, client.UnsentBytes);

        client.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(() => sending);
        Assert.Equal(0, client.UnsentBytes);
        end.SetResult();
    }

    [Fact]
    public async Task Nobody_listening_is_a_socket_exception()
    {
        var address = ServerAddress.Parse("unix:/nonexistent/socket");
        await Assert.ThrowsAsync<SocketException>(() => LineClient.ConnectAsync(address, Cancelled));
    }

    [Theory]
    [InlineData("localhost:7007", "tcp://localhost:7007")]
    [InlineData("tcp://127.0.0.1:1", "tcp://127.0.0.1:1")]
    [InlineData("[::1]:65535", "tcp://[::1]:65535")]
    [InlineData("unix:relative.sock", "unix:relative.sock")]
    public void An_address_is_told_with_its_scheme(string text, string expected)
    {
        Assert.Equal(expected, ServerAddress.Parse(text).ToString());
    }

    [Fact]
    public void An_unreadable_address_says_why()
    {
        FormatException e = Assert.Throws<FormatException>(() => ServerAddress.Parse("unix:" + new string('x', 200)));
        Assert.Contains("at most 107 bytes", e.Message, StringComparison.Ordinal);
    }
}
