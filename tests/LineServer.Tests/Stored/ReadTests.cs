using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>LR1, as a reader sees it.</summary>
public sealed class ReadTests : IDisposable
{
    private readonly StoreDirectory _store = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task A_reader_gets_the_lines_from_a_number_on()
    {
        await using DaemonProcess daemon = _store.Serve();
        using LineSocket writer = await StoreAsync(daemon, "one\ntwo\nthree\n", 3);
        Assert.Equal("one\ntwo\nthree\n", await ReadAsync(daemon, "LR1 s"));
        Assert.Equal("three\n", await ReadAsync(daemon, "LR1 s from=3"));
        Assert.Equal("", await ReadAsync(daemon, "LR1 s from=4"));
    }

    [Fact]
    public async Task A_follower_gets_lines_as_they_are_stored()
    {
        await using DaemonProcess daemon = _store.Serve();
        using LineSocket reader = await daemon.ConnectAsync("readers");
        await reader.SendAsync("LR1 s from=2 follow\n");
        Assert.StartsWith("OK from=2 ", await reader.ReadLineAsync(), StringComparison.Ordinal);
        using LineSocket writer = await StoreAsync(daemon, "one\ntwo\n", 2);
        Assert.Equal("two", await reader.ReadLineAsync());
        await writer.SendAsync("three\n");
        Assert.Equal("three", await reader.ReadLineAsync());
    }

    [Theory]
    [InlineData("LS1 s\n", "ERR 400 expected 'LR1 STREAM', such as 'LR1 web-7'")]
    [InlineData("LR1 ..\n", "ERR 400 a stream's name is 1 to 64 letters, digits and . _ -, the first a letter or digit")]
    [InlineData("LR1 none\n", "ERR 404 no such stream")]
    public async Task A_wrong_opening_is_told(string opening, string answer)
    {
        await using DaemonProcess daemon = _store.Serve();
        using LineSocket reader = await daemon.ConnectAsync("readers");
        await reader.SendAsync(opening);
        Assert.Equal(answer, await reader.ReadLineAsync());
        Assert.Null(await reader.ReadLineAsync());
    }

    private static async Task<LineSocket> StoreAsync(DaemonProcess daemon, string lines, int count)
    {
        LineSocket writer = await daemon.ConnectAsync("lines");
        await writer.SendAsync("LS1 s from=1\n" + lines);
        // Lines are written to the segments in the order in which they were acknowledged, but a moment later.
        using LineSocket reader = await daemon.ConnectAsync("readers");
        await reader.SendAsync($"LR1 s from={count} follow\n");
        Assert.StartsWith("OK ", await reader.ReadLineAsync(), StringComparison.Ordinal);
        Assert.NotNull(await reader.ReadLineAsync());
        return writer;
    }

    private static async Task<string> ReadAsync(DaemonProcess daemon, string opening)
    {
        string port = (await daemon.EndPointAsync("readers")).Port();
        string answer = (await Tool.RunAsync("nc.openbsd", ["-N", "127.0.0.1", port], opening + "\n")).Output;
        Assert.StartsWith("OK from=", answer, StringComparison.Ordinal);
        return answer[(answer.IndexOf('\n', StringComparison.Ordinal) + 1)..];
    }
}
