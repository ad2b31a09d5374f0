using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>`append` without acknowledgements: what ordinary senders of lines speak.</summary>
public sealed class AppendTests : IDisposable
{
    private readonly StoreDirectory _store = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Lines_of_netcat_are_stored_as_they_were_sent()
    {
        await using DaemonProcess daemon = _store.Serve();
        string port = (await daemon.EndPointAsync("plain")).Port();
        Assert.Equal("", (await Tool.RunAsync("nc.openbsd", ["-N", "127.0.0.1", port], "a\r\n\nb\0\nunfinished")).Output);
        Assert.Equal("", (await Tool.RunAsync("nc.openbsd", ["-N", "127.0.0.1", port], "c\n")).Output);
        Assert.Equal(0, await daemon.StopAsync());
        Assert.Equal("a\r\n\nb\0\nc\n", _store.Lines("plain"));
    }

    [Fact]
    public async Task A_line_that_is_too_long_is_cut_and_stays_one_line()
    {
        await using DaemonProcess daemon = _store.Serve("Limits:MaxLineSize=10");
        using LineSocket client = await daemon.ConnectAsync("plain");
        await client.SendAsync("0123456789abc\nnext\n");
        client.HalfClose();
        Assert.Equal("", await client.ReadToEndAsync());
        Assert.Equal(0, await daemon.StopAsync());
        Assert.Equal("0123456789\nnext\n", _store.Lines("plain"));
    }

    [Theory]
    [InlineData("OctetCounted")]
    [InlineData("Auto")]
    public async Task A_counted_message_becomes_one_line_and_keeps_its_CR(string mode)
    {
        await using DaemonProcess daemon = _store.Serve($"Endpoints:plain:Framing:Mode={mode}", "Limits:MaxLineSize=10");
        using LineSocket client = await daemon.ConnectAsync("plain");
        await client.SendAsync("1 a2 b\n3 c\r\n2 d\r\n4 e\n\r\n1 \n12 012345678\nab1 f");
        client.HalfClose();
        Assert.Equal("", await client.ReadToEndAsync());
        Assert.Equal(0, await daemon.StopAsync());
        Assert.Equal("a\nb\nc\r\nd\r\ne#012\r\n\n012345678#012\nf\n", _store.Lines("plain"));
    }

    [Fact]
    public async Task The_lines_of_several_connections_are_mixed_as_lines_only()
    {
        await using DaemonProcess daemon = _store.Serve();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(async sender =>
        {
            using LineSocket client = await daemon.ConnectAsync("plain");
            await client.SendAsync(string.Concat(Enumerable.Range(0, 2000).Select(i => $"{sender} {i}\n")));
            client.HalfClose();
            Assert.Equal("", await client.ReadToEndAsync());
        }));
        Assert.Equal(0, await daemon.StopAsync());
        string[] lines = _store.Lines("plain").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(16_000, lines.Length);
        Assert.All(lines.GroupBy(line => line[0]), group => Assert.True(group.SequenceEqual(Enumerable.Range(0, 2000).Select(i => $"{group.Key} {i}"), StringComparer.Ordinal)));
    }

    [Fact]
    public async Task A_client_of_LS1_cannot_take_the_stream()
    {
        await using DaemonProcess daemon = _store.Serve();
        using LineSocket plain = await daemon.ConnectAsync("plain");
        await plain.SendAsync("line\n");
        using LineSocket reader = await daemon.ConnectAsync("readers");
        await reader.SendAsync("LR1 plain follow\n");
        Assert.StartsWith("OK ", await reader.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Equal("line", await reader.ReadLineAsync());
        using LineSocket client = await daemon.ConnectAsync("lines");
        await client.SendAsync("LS1 plain\n");
        Assert.StartsWith("ERR 409 ", await client.ReadLineAsync(), StringComparison.Ordinal);
    }
}
