using LineServer.Client.Streams;

namespace LineServer.Client.Tests.Streams;

public sealed class StreamStateTests : IDisposable
{
    private static readonly ServerAddress Address = ServerAddress.Parse("tcp://localhost:7007");

    private readonly TempFolder _folder = new();
    private readonly List<string> _notes = [];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_saved_is_loaded()
    {
        var file = new FileRecord(1, ulong.MaxValue, 5, 5, "00ff", 1200, 0xdeadbeef);
        var state = new StreamState { StoreId = "7b21", Acknowledged = 1234, Files = [file, file with { Lines = 7 }] };
        using (StateFolder folder = Open())
        {
            Assert.Equal(0, folder.Load().Acknowledged);
            folder.Save(state);
        }

        using StateFolder again = Open();
        StreamState loaded = again.Load();
        Assert.Equal(("7b21", 1234), (loaded.StoreId, loaded.Acknowledged));
        Assert.Equal(state.Files, loaded.Files);
        Assert.Empty(_notes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("lineclient stream 1\nacknowledged 5\n")]
    [InlineData("lineclient stream 1\nacknowledged x\nend\n")]
    [InlineData("lineclient stream 1\nacknowledged 99999999999999999999\nend\n")]
    [InlineData("lineclient stream 1\nfile 1 2\nend\n")]
    [InlineData("lineclient stream 2\nend\n")]
    public void A_state_that_cannot_be_read_is_a_note_and_no_state(string text)
    {
        using StateFolder folder = Open();
        File.WriteAllText(Path.Combine(folder.Path!, "state"), text);

        Assert.Equal(0, folder.Load().Acknowledged);
        Assert.Contains("cannot be read", Assert.Single(_notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Two_clients_do_not_send_one_stream()
    {
        using StateFolder first = Open();
        StreamProblemException e = Assert.Throws<StreamProblemException>(Open);
        Assert.Contains("another lineclient sends the stream web-7 to tcp://localhost:7007", e.Message, StringComparison.Ordinal);

        using var other = StateFolder.Open(_folder.PathOf("state"), Address, "web-8", _notes.Add);
        using var elsewhere = StateFolder.Open(_folder.PathOf("state"), ServerAddress.Parse("localhost:7008"), "web-7", _notes.Add);
        Assert.Equal(3, new[] { first.Path, other.Path, elsewhere.Path }.Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void Only_the_owner_may_look_into_the_folder()
    {
        using StateFolder folder = Open();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, new DirectoryInfo(folder.Path!).UnixFileMode);
    }

    [Fact]
    public void A_directory_that_cannot_be_written_is_known_with_its_reason()
    {
        using var folder = StateFolder.Open("/proc/none", Address, "web-7", _notes.Add);
        Assert.Null(folder.Path);
        Assert.NotNull(folder.Problem);
        folder.Save(new());
        Assert.Equal(0, folder.Load().Acknowledged);
        Assert.Empty(_notes);
    }

    private StateFolder Open() => StateFolder.Open(_folder.PathOf("state"), Address, "web-7", _notes.Add);
}
