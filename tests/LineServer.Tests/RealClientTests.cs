using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>Clients that others wrote.</summary>
public class RealClientTests
{
    private const string Sent = "a\r\nb\n\nc";
    private const string Echoed = "a\r\nb\n\n";

    [Fact]
    public async Task Netcat_gets_its_complete_lines_back_byte_for_byte()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("echo");
        string port = (await daemon.EndPointAsync()).Port();
        Assert.Equal(Echoed, (await Tool.RunAsync("nc.openbsd", ["-N", "127.0.0.1", port], Sent)).Output);
        Assert.Equal(Echoed, (await Tool.RunAsync("ncat", ["127.0.0.1", port], Sent)).Output);
        Assert.Equal(Echoed, (await Tool.RunAsync("socat", ["-t30", "-", $"TCP:127.0.0.1:{port}"], Sent)).Output);
    }

    [Fact]
    public async Task Netcat_ncat_and_socat_talk_over_a_unix_socket()
    {
        using var directory = new TemporaryDirectory();
        string path = directory["echo.sock"];
        await using DaemonProcess daemon = DaemonProcess.Start("--listen", $"unix:{path}");
        await daemon.EndPointAsync();
        Assert.Equal(Echoed, (await Tool.RunAsync("nc.openbsd", ["-N", "-U", path], Sent)).Output);
        Assert.Equal(Echoed, (await Tool.RunAsync("ncat", ["-U", path], Sent)).Output);
        Assert.Equal(Echoed, (await Tool.RunAsync("socat", ["-t30", "-", $"UNIX-CONNECT:{path}"], Sent)).Output);
    }

    [Fact]
    public async Task Twenty_megabytes_of_random_lines_come_back_through_netcat_as_they_were()
    {
        string lines = RandomLines(20 << 20);
        await using DaemonProcess daemon = DaemonProcess.Serve("echo");
        FinishedProcess netcat = await Tool.RunAsync("nc.openbsd", ["-N", "127.0.0.1", (await daemon.EndPointAsync()).Port()], lines);
        // Not Assert.Equal, which would print both.
        Assert.Equal(lines.Length, netcat.Output.Length);
        Assert.True(string.Equals(lines, netcat.Output, StringComparison.Ordinal), "a byte is wrong");
    }

    // Bytes of any value. The average line has 127 bytes; some have a few thousand.
    private static string RandomLines(int count)
    {
#pragma warning disable CA5394 // Nothing secret: the same bytes each time.
        byte[] bytes = new byte[count];
        var random = new Random(7);
        random.NextBytes(bytes);
        for (int i = 0; i < count; i += random.Next(1, random.Next(20) == 0 ? 5000 : 255))
        {
            bytes[i] = (byte)'\n';
        }
#pragma warning restore CA5394
        bytes[^1] = (byte)'\n';
        return System.Text.Encoding.Latin1.GetString(bytes);
    }
}
