namespace LineServer.Client.Tests;

public sealed class UnterminatedTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData()]
    [InlineData("--check-echo")]
    [InlineData("--replies", "1")]
    public async Task A_last_line_without_an_end_is_sent_reported_and_fails(params string[] options)
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);

        ClientResult result = await ClientProcess.RunWithInputAsync("a\nb", [server.Address, .. options]);

        result.AssertFailed(1, "standard input: the last line has no LF");
        Assert.Equal("a\nb", result.Text);
    }

    [Fact]
    public async Task Terminate_adds_the_end_to_files_and_to_standard_input()
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);

        ClientResult result = await ClientProcess.RunWithInputAsync(
            "c", server.Address, "--terminate", "--check-echo", _folder.Write("a", "a"), _folder.Write("empty", ""), _folder.Write("b", "b\n"), "-");

        result.AssertSucceeded();
        Assert.Equal("a\nb\nc\n", result.Text);
    }

    [Fact]
    public async Task Each_file_that_ends_inside_a_line_is_named_once()
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);
        string first = _folder.Write("first", "1");
        string good = _folder.Write("good", "2\n");
        string last = _folder.Write("last", "3");

        ClientResult result = await ClientProcess.RunAsync(server.Address, "--repeat", "2", first, good, last);

        Assert.Equal(1, result.ExitStatus);
        Assert.Equal("12\n312\n3", result.Text);
        Assert.Equal(2, result.Errors.Count(c => c == '\n'));
        Assert.Contains($"{first}: the last line", result.Errors, StringComparison.Ordinal);
        Assert.Contains($"{last}: the last line", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Terminate_ends_the_line_before_it_is_repeated()
    {
        await using TestServer server = TestServer.Start(Serve.EchoAsync);

        ClientResult result = await ClientProcess.RunAsync(
            server.Address, "--repeat", "3", "--terminate", "--check-echo", _folder.Write("file", "x"));

        result.AssertSucceeded();
        Assert.Equal("x\nx\nx\n", result.Text);
    }
}
