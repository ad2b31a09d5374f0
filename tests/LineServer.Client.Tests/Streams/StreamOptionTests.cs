namespace LineServer.Client.Tests.Streams;

public class StreamOptionTests
{
    [Theory]
    [InlineData("localhost:1 --stream", "--stream")]
    [InlineData("localhost:1 --stream -x", "--stream takes 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit, not '-x'")]
    [InlineData("localhost:1 --stream a/b", "--stream takes 1 to 64")]
    [InlineData("localhost:1 --stream a --replies 1", "--stream and --replies exclude each other")]
    [InlineData("localhost:1 --stream a --replies none", "--stream and --replies exclude each other")]
    [InlineData("localhost:1 --stream a --check-echo", "--stream and --check-echo exclude each other")]
    [InlineData("localhost:1 --stream a --connections 2 /dev/null", "--stream and --connections exclude each other")]
    [InlineData("localhost:1 --stream a --repeat 2 /dev/null", "--stream and --repeat exclude each other")]
    [InlineData("localhost:1 --stream a --window 2", "--stream and --window exclude each other")]
    [InlineData("localhost:1 --stream a --rate 2", "--stream and --rate exclude each other")]
    [InlineData("localhost:1 --stream a one two", "--stream takes one FILE")]
    [InlineData("localhost:1 --stream a --follow", "--follow needs a file")]
    [InlineData("localhost:1 --stream a --follow -", "--follow needs a file")]
    [InlineData("localhost:1 --follow /dev/null", "--follow needs --stream NAME")]
    [InlineData("localhost:1 --resend", "--resend needs --stream NAME")]
    [InlineData("localhost:1 --token-file x", "--token-file needs --stream NAME")]
    [InlineData("localhost:1 --state x", "--state needs --stream NAME")]
    [InlineData("localhost:1 --spool-limit 1M", "--spool-limit needs --stream NAME")]
    [InlineData("localhost:1 --give-up-after 1", "--give-up-after needs --stream NAME")]
    [InlineData("localhost:1 --stream a --spool-limit 1000", "--spool-limit takes a size from 1M")]
    [InlineData("localhost:1 --stream a --give-up-after soon", "--give-up-after takes a time")]
    public void A_wrong_option_is_one_clear_line_and_status_2(string args, string expected)
    {
        using var notes = new StringWriter();
        Assert.False(new CommandLine().TryParse(args.Split(' '), notes, out _, out int exitStatus));
        Assert.Equal(2, exitStatus);
        Assert.StartsWith("lineclient: ", notes.ToString(), StringComparison.Ordinal);
        Assert.Contains(expected, notes.ToString(), StringComparison.Ordinal);
        Assert.Single(notes.ToString(), '\n');
    }

    [Theory]
    [InlineData("", 600)]
    [InlineData("--follow", -0.001)]
    [InlineData("--give-up-after never", -0.001)]
    [InlineData("--follow --give-up-after 5", 5)]
    public void Without_a_limit_a_run_gives_up_after_ten_minutes_unless_it_follows(string args, double seconds) =>
        Assert.Equal(seconds, Parse(args).GiveUpAfter.TotalSeconds);

    [Fact]
    public void The_options_of_streams_arrive()
    {
        RunOptions options = Parse("--resend --token-file t --state d --spool-limit 2M --terminate --retry --timeout 3");
        Assert.Equal(("s", true, "t", "d", 2L << 20), (options.Stream, options.Resend, options.TokenFile, options.StateDirectory, options.SpoolLimit));
        Assert.Equal((true, false, TimeSpan.FromSeconds(3)), (options.Terminate, options.Follow, options.Timeout));
        Assert.Equal(1L << 30, Parse("").SpoolLimit);
    }

    private static RunOptions Parse(string args)
    {
        string[] all = ["localhost:1", "file", "--stream", "s", .. args.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
        Assert.True(new CommandLine().TryParse(all, TextWriter.Null, out RunOptions? options, out _));
        return options;
    }
}
