using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>Counted messages through the daemon, and from the sender that every Debian has.</summary>
public class FramingModeTests
{
    [Theory]
    [InlineData("OctetCounted", "5 hello4 a\nb\n\n2 \xff\0", "hello\na\nb\n\xff\0\n")]
    [InlineData("OctetCounted", "3 one2024-01-01 two\n3 six", "one\n")]
    [InlineData("Auto", "<1>one\r\n4 tw\no\n2024-01-01 three\n3 six", "<1>one\r\ntw\no\n2024-01-01 three\nsix\n")]
    [InlineData("Lines", "3 one\n", "3 one\n")]
    public async Task Echo_answers_counted_messages_with_lines(string mode, string sent, string replies)
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("echo", $"Framing:Mode={mode}");
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync(sent);
        client.HalfClose();
        Assert.Equal(replies, await client.ReadToEndAsync());
    }

    [Fact]
    public async Task What_is_no_count_is_logged_with_its_beginning()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("discard", "Framing:Mode=OctetCounted");
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync("2 ok<13>a\x1b\n");
        Assert.Equal("", await client.ReadToEndAsync());
        Assert.Contains(
            "a message does not begin with its size and a space, but with \"<13>a\\x1B\\x0A\"; the connection is closed",
            await daemon.Log.FirstAsync("warn: LineServer.Hosting"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delay_refuses_a_text_that_is_no_line_and_goes_on()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("delay", "Framing:Mode=OctetCounted");
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync("5 0 a\nb4 0 c\n");
        client.HalfClose();
        Assert.Equal("error: the text holds a line feed, so it is no line\nc\n", await client.ReadToEndAsync());
    }

    [Fact]
    public async Task An_endpoint_has_a_mode_of_its_own()
    {
        await using DaemonProcess daemon = DaemonProcess.Start(
            "--set", "Endpoints:lines:Address=tcp://127.0.0.1:0", "--set", "Endpoints:counted:Address=tcp://127.0.0.1:0", "--set", "Endpoints:counted:Framing:Mode=octetcounted");
        using LineSocket lines = await daemon.ConnectAsync("lines");
        using LineSocket counted = await daemon.ConnectAsync("counted");
        await lines.SendAsync("1 a\n");
        await counted.SendAsync("1 a");
        Assert.Equal("1 a", await lines.ReadLineAsync());
        Assert.Equal("a", await counted.ReadLineAsync());
    }

    [Theory]
    [InlineData("OctetCounted", "--octet-count", "two\nlines", "two\\x0Alines")]
    [InlineData("Auto", "--octet-count", "two\nlines", "two\\x0Alines")]
    [InlineData("Auto", "--skip-empty", "3 words\tin one", "3 words\tin one")]
    public async Task Logger_sends_messages_with_and_without_counts(string mode, string option, string last, string lastPrinted)
    {
        string[] messages = [.. Enumerable.Range(1, 200).Select(i => $"message {i} {new string('x', i)} \xc3\xa4\x01")];
        await using DaemonProcess daemon = DaemonProcess.Serve("print", $"Framing:Mode={mode}");
        string port = (await daemon.EndPointAsync()).Port();
        string[] arguments = ["--tcp", option, "--server", "127.0.0.1", "--port", port, "--tag", "test", "--rfc5424=notime,notq,nohost"];
        FinishedProcess logger = await Tool.RunAsync("logger", arguments, string.Concat(messages.Select(message => $"{message}\n")));
        Assert.Equal((0, ""), (logger.Status, logger.Error));
        await daemon.Output.UntilAsync(lines => lines.Count == messages.Length);
        logger = await Tool.RunAsync("logger", [.. arguments, "--", last]);
        Assert.Equal((0, ""), (logger.Status, logger.Error));
        await daemon.Output.UntilAsync(lines => lines.Count > messages.Length);
        Assert.Equal(0, await daemon.StopAsync());
        string[] printed = [.. (await daemon.Output.ToEndAsync()).TrimEnd('\n').Split('\n').Select(line => line.Split("> ", 2)[1])];
        Assert.Equal([.. messages.Select(message => $"<13>1 - - test - - - {message.Replace("\x01", "\\x01", StringComparison.Ordinal)}"), $"<13>1 - - test - - - {lastPrinted}"], printed, StringComparer.Ordinal);
        Assert.DoesNotContain(daemon.Log.Lines, line => line.Contains("warn: ", StringComparison.Ordinal));
    }
}
