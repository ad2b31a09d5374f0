namespace LineServer.Client.Tests;

public sealed class MemoryTests : IDisposable
{
    /// <summary>
    /// The memory that a large input may need beyond a small one: noise of the garbage collector and the
    /// kernel.
    /// </summary>
    private const long ToleranceKiB = 24 * 1024;
    private const long LargeBytes = 256L * 1024 * 1024;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    public async Task A_large_file_of_lines_needs_no_more_memory_than_a_small_one(int connections)
    {
        string large = WriteLines(LargeBytes / connections);
        string small = _folder.Write("small", new string('x', 9_999) + "\n");

        long small1 = await PeakKiBAsync("--check-echo", "--connections", $"{connections}", small);
        long large1 = await PeakKiBAsync("--check-echo", "--connections", $"{connections}", large);

        Assert.InRange(large1, 0, small1 + ToleranceKiB);
    }

    [Fact]
    public async Task One_line_as_large_as_the_file_needs_no_more_memory_than_a_small_one()
    {
        // A sparse file: 256 MiB of NULs, and no LF.
        string large = _folder.PathOf("large");
        await using (FileStream file = File.Create(large))
        {
            file.SetLength(LargeBytes);
        }

        string small = _folder.Write("small", new string('x', 10_000));

        long small1 = await PeakKiBAsync("--check-echo", "--terminate", small);
        long large1 = await PeakKiBAsync("--check-echo", "--terminate", large);

        Assert.InRange(large1, 0, small1 + ToleranceKiB);
    }

    [Fact]
    public async Task A_large_standard_input_needs_no_more_memory_than_a_small_one()
    {
        string large = WriteLines(LargeBytes);
        string small = _folder.Write("small", new string('x', 9_999) + "\n");

        long small1 = await PeakOfStandardInputKiBAsync(small);
        long large1 = await PeakOfStandardInputKiBAsync(large);

        Assert.InRange(large1, 0, small1 + ToleranceKiB);
    }

    private string WriteLines(long bytes)
    {
        string path = _folder.PathOf("lines");
        byte[] block =
        [
            .. Enumerable.Range(0, 1024 * 1024).Select(i => i % 64 == 63 ? (byte)'\n' : (byte)('a' + (i % 26))),
        ];
        using FileStream file = File.Create(path);
        while (file.Length < bytes)
        {
            file.Write(block);
        }

        return path;
    }

    private static Task<long> PeakKiBAsync(params string[] args) => PeakKiBAsync(_ => Task.CompletedTask, args);

    private static Task<long> PeakOfStandardInputKiBAsync(string file) => PeakKiBAsync(
        async client =>
        {
            await using FileStream input = File.OpenRead(file);
            await input.CopyToAsync(client.Input);
            client.Input.Close();
        },
        "--check-echo");

    /// <summary>
    /// Reads the peak after the whole exchange, before the server closes: the process must still exist.
    /// </summary>
    private static async Task<long> PeakKiBAsync(Func<ClientProcess, Task> feed, params string[] args)
    {
        var started = new TaskCompletionSource<ClientProcess>(TaskCreationOptions.RunContinuationsAsynchronously);
        long peak = 0;
        await using TestServer server = TestServer.Start(
            socket => Serve.EchoAsync(socket, beforeEnd: async () => peak = (await started.Task).PeakMemoryKiB));
        using ClientProcess client = ClientProcess.Start([server.Address, "--quiet", .. args]);
        started.SetResult(client);
        await feed(client);

        ClientResult result = await client.EndAsync();

        result.AssertSucceeded();
        Assert.NotEqual(0, peak);
        return peak;
    }
}
