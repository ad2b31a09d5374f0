using LineServer.Client.Streams;

namespace LineServer.Client.Tests.Streams;

/// <summary>Runs <c>lineclient --stream</c> within the test, with the test's clock.</summary>
internal sealed class StreamFixture : IDisposable
{
    /// <summary>Longer than every pause, so that only the test lets them pass.</summary>
    public static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(1000);

    private readonly TempFolder _folder = new();
    private readonly StringWriter _notes = new();

    /// <summary>Pauses before a new connection take no time.</summary>
    public TestTime Time { get; } = new(fireAtOnce: TimeSpan.FromSeconds(500));

    public string Notes
    {
        get
        {
            lock (_notes)
            {
                return _notes.ToString();
            }
        }
    }

    /// <summary>The number of acknowledged lines in the state; null if none was saved.</summary>
    public long? Acknowledged => StatePath is string path ? StreamState.Parse(File.ReadAllText(path)).Acknowledged : null;

    /// <summary>The only state that was saved; null if there is none.</summary>
    public string? StatePath =>
        Directory.Exists(StateDirectory) ? Directory.EnumerateFiles(StateDirectory, "state", SearchOption.AllDirectories).SingleOrDefault() : null;

    public string StateDirectory => PathOf("state");

    public string PathOf(string name) => _folder.PathOf(name);

    public string Write(string name, string content) => _folder.Write(name, content);

    public RunOptions Options(AckServer server, string file) => new()
    {
        Address = ServerAddress.Parse(server.Address),
        Files = [file],
        Stream = "web-7",
        StateDirectory = StateDirectory,
        Timeout = TimeSpan.FromSeconds(5000),
        GiveUpAfter = TimeSpan.FromSeconds(600),
    };

    /// <summary>Sends a file to the end. Returns the exit status.</summary>
    public Task<int> RunAsync(AckServer server, string file) => RunAsync(Options(server, file));

    public async Task<int> RunAsync(RunOptions options)
    {
        using var earlyEnd = new EarlyEnd(options.MaxTime);
        return await RunAsync(options, earlyEnd, new StreamTiming
        {
            Time = Time,
            Random = new Random(1),
            SilenceLimit = SilenceLimit,
            ByeLimit = SilenceLimit,
        });
    }

    public Task<int> RunAsync(RunOptions options, EarlyEnd earlyEnd, StreamTiming timing) =>
        new StreamRun(options, _notes, earlyEnd, timing).ExecuteAsync().WaitAsync(TimeSpan.FromSeconds(60));

    public void Dispose()
    {
        _notes.Dispose();
        _folder.Dispose();
    }
}
