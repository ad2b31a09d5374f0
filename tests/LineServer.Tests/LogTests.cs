using LineServer.Tests.Support;

namespace LineServer.Tests;

public class LogTests
{
    [Fact]
    public async Task What_a_client_sent_is_escaped_in_the_log_and_cannot_forge_a_line()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("echo", "Limits:MaxLineSize=5", "Framing:Delimiter=NUL");
        using (LineSocket client = await daemon.ConnectAsync())
        {
            await client.SendAsync("\r\n\x1b[2J\ninfo: forged \x9b\xff\0");
            Assert.Equal("", await client.ReadToEndAsync());
        }

        Assert.Contains("""begins "\x0D\x0A\x1B[2J\x0Ainfo: forged \x9B\xFF""", await daemon.Log.FirstAsync("begins"), StringComparison.Ordinal);
        Assert.Equal(0, await daemon.StopAsync());
        Assert.All(daemon.Log.Lines, line => Assert.All(line, character => Assert.InRange(character, ' ', '~')));
        Assert.DoesNotContain(daemon.Log.Lines, line => line.StartsWith("info: forged", StringComparison.Ordinal));
    }
}
