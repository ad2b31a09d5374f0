using System.Text;
using LineServer.Perf.Load;
using LineServer.Perf.Servers;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests;

/// <summary>The answers of servers that store lines, and what is wrong with them.</summary>
public class AnswerTests
{
    private const string Ok = "OK 40 crc32c=00000000 max=65536 first=1 store=7b21c0de9a4410f3 durability=synced\n";

    private static readonly Workload Stores = new("stores", WorkloadKind.ClosedLoop, Connections: 2, Window: 4, LineSize: 100)
    {
        Handler = ServerHandler.Store,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(1000)]
    public void An_acknowledgement_counts_from_the_lines_that_the_stream_had_however_reads_cut_it(int size)
    {
        var answers = new Acknowledgements(1);
        Assert.False(answers.HasOpened(0));
        Assert.Equal(7, Take(answers, $"{Ok}ACK 42\nACK 42\nACK 47\n", sent: 8, size));
        Assert.True(answers.HasOpened(0));
    }

    [Theory]
    [InlineData("ACK 42\nACK 41\n", "'ACK 41' is less than the 42 before")]
    [InlineData("ACK 49\n", "'ACK 49' is more than the 48 that there are")]
    [InlineData("ACK\n", "expected ACK and a number, got 'ACK'")]
    [InlineData("ACK 4x\n", "expected ACK and a number, got 'ACK 4x'")]
    [InlineData("ERR 507 the store has failed\n", "expected ACK and a number, got 'ERR 507 the store has failed'")]
    public void An_acknowledgement_that_is_wrong_fails_the_run(string answer, string problem) =>
        Assert.Equal(problem, Assert.Throws<RunFailedException>(() => Take(new Acknowledgements(1), Ok + answer, sent: 8)).Message);

    [Fact]
    public void A_refused_opening_fails_the_run() =>
        Assert.Equal(
            "expected OK and a number, got 'ERR 400 no'",
            Assert.Throws<RunFailedException>(() => Take(new Acknowledgements(1), "ERR 400 no\n", sent: 0)).Message);

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(1000)]
    public void Entries_are_counted_by_their_ids(int size) =>
        Assert.Equal(2, Take(new EntryIds(1), "$15\r\n1700000000000-0\r\n$15\r\n1700000000000-1\r\n", sent: 2, size));

    [Theory]
    [InlineData("-ERR no\r\n", "expected the id of an entry, got '-ERR no")]
    [InlineData("$-1\r\n", "expected the id of an entry, got '$-1")]
    [InlineData("$15\r\n1700000000000-0\r\n$15\r\n1700000000000-1\r\n", "one more id than the 1 entries that were sent")]
    public void An_entry_that_is_refused_or_too_many_fails_the_run(string answer, string problem) =>
        Assert.StartsWith(problem, Assert.Throws<RunFailedException>(() => Take(new EntryIds(1), answer, sent: 1)).Message);

    [Theory]
    [InlineData(16)]
    [InlineData(99)]
    [InlineData(100)]
    [InlineData(1000)]
    public unsafe void An_entry_names_its_connection_and_has_the_size_of_the_line(int lineSize)
    {
        LineSizes onTheWire = LineProtocol.RedisXadd.OnTheWire(LineSizes.Same(lineSize));
        using var template = new LineTemplate(onTheWire, 2 * onTheWire.CycleSize, LineProtocol.RedisXadd.Forms(onTheWire.CycleSize).Request);
        string second = Encoding.ASCII.GetString(template.Write(0x12, onTheWire.CycleSize, onTheWire.CycleSize), onTheWire.CycleSize);
        Assert.StartsWith(
            $"*5\r\n$4\r\nXADD\r\n$10\r\ns:AAAAAABC\r\n$1\r\n*\r\n$1\r\nl\r\n${lineSize}\r\nAAAAAABCAAAAAAAB", second);
        Assert.EndsWith("\r\n", second);
        Assert.Equal(lineSize, second.Split("\r\n")[^2].Length);
    }

    [Fact]
    public void A_server_of_the_user_may_store()
    {
        var server = ServerCommand.Parse("mine:ls1=./mine --port {port} --store {directory}");
        Assert.Equal("mine", server.Name);
        Assert.Same(LineProtocol.Ls1, server.Protocol);
        Assert.Null(server.WhyNot(Stores));
        Assert.Equal("has no echo mode", server.WhyNot(Stores with { Handler = ServerHandler.Echo }));
        Assert.Equal("has no store mode", ServerCommand.Parse("mine=./mine {port}").WhyNot(Stores));
        Assert.Equal(
            "--server: there is no protocol 'smtp' of a server that stores",
            Assert.Throws<UsageException>(() => ServerCommand.Parse("mine:smtp=./mine {port}")).Message);
    }

    [Fact]
    public void A_store_is_not_measured_in_memory()
    {
        Assert.SkipUnless(StoreDirectory.FileSystemOf("/dev/shm") == "tmpfs", "/dev/shm is no tmpfs here");
        Assert.Equal(
            "--store-directory: /dev/shm/not/yet is in memory (tmpfs), where a sync costs nothing",
            Assert.Throws<UsageException>(() => StoreDirectory.RootOf("/dev/shm/not/yet")).Message);
    }

    private static long Take(AnswerReader answers, string text, long sent, int size = int.MaxValue)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        long answered = 0;
        for (int start = 0; start < bytes.Length; start += Math.Min(size, bytes.Length - start))
        {
            answered = answers.Take(0, bytes.AsSpan(start, Math.Min(size, bytes.Length - start)), sent, answered);
        }

        return answered;
    }
}
