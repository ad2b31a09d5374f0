using LineServer.Perf.Load;
using LineServer.Perf.Work;

namespace LineServer.Perf.Tests;

/// <summary>lineperf catches a server that is wrong on purpose, each time.</summary>
public class WrongReplyTests
{
    // Late enough to be in the stream, and not in the first replies, when connections open.
    private const int WrongLine = 1000;

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 16)]
    public void A_right_server_passes_and_its_lines_are_counted(int connections, int window)
    {
        using var server = new EchoServer(EchoServer.Same);
        Measurement measured = Run(server, connections, window);
        // On a busy machine, all replies may arrive after the time is over.
        Assert.True(measured.Lines + measured.FromSent!.Count > 0);
    }

    [Fact]
    public void A_line_that_is_dropped_is_told_by_the_next()
    {
        using var server = new EchoServer((number, line) => number == WrongLine ? [] : [line]);
        string message = Fails(server, window: 16);
        Assert.Contains($"line {WrongLine}, byte", message);
        Assert.Contains($"that is line {WrongLine + 1} of connection", message);
    }

    [Fact]
    public void A_line_that_is_dropped_with_none_behind_it_is_lost()
    {
        const int Lost = 50;
        using var server = new EchoServer((number, line) => number == Lost ? [] : [line]);
        TimeSpan second = TimeSpan.FromSeconds(1);
        string message = Assert.Throws<RunFailedException>(() => Run(server.Address, Workload(connections: 3, window: 1), second, replyTimeout: second)).Message;
        Assert.Contains($"the reply to line {Lost} was lost", message);
    }

    [Fact]
    public void Two_lines_that_are_swapped_are_told()
    {
        byte[] held = [];
        using var server = new EchoServer((number, line) =>
        {
            switch (number)
            {
                case WrongLine:
                    held = line;
                    return [];
                case WrongLine + 1:
                    return [line, held];
                default:
                    return [line];
            }
        });
        Assert.Contains($"that is line {WrongLine + 1} of connection 0", Fails(server, window: 16, connections: 1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(20)]
    [InlineData(31)]
    public void A_byte_that_is_flipped_is_told_with_its_place(int place)
    {
        using var server = new EchoServer((number, line) =>
        {
            line[place] ^= (byte)(number == WrongLine ? 0x20 : 0);
            return [line];
        });
        string message = Fails(server, window: 4);
        Assert.Contains($"line {WrongLine}, byte {place}: expected '", message);
        Assert.Contains("got '", message);
    }

    [Fact]
    public void A_line_that_comes_twice_is_told()
    {
        using var server = new EchoServer((number, line) => number == WrongLine ? [line, line] : [line]);
        Assert.Contains("surplus bytes", Fails(server, window: 1));
    }

    [Fact]
    public void A_connection_that_the_server_closes_is_told()
    {
        using var server = new EchoServer((number, line) => number == WrongLine ? null : [line]);
        Assert.Matches("was closed by the server|was lost", Fails(server, window: 4));
    }

    [Fact]
    public void A_server_that_does_not_listen_is_told()
    {
        var server = new EchoServer(EchoServer.Same);
        TargetAddress address = server.Address;
        server.Dispose();
        Assert.Contains("connection 0 to 127.0.0.1:", Assert.Throws<RunFailedException>(() => Run(address, Workload(connections: 1, window: 1))).Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(30)]
    public void In_mixed_sizes_a_line_that_is_dropped_is_told_by_the_next(int place)
    {
        // Every place in the cycle has its own size; the shortest line has seven letters for both numbers.
        int wrong = (32 * 10) + place;
        using var server = new EchoServer((number, line) => number == wrong ? [] : [line]);
        string message = FailsMixed(server);
        Assert.Contains($"line {wrong}, byte", message);
        Assert.Contains("expected '", message);
    }

    [Fact]
    public void In_mixed_sizes_two_lines_that_are_swapped_are_told()
    {
        byte[] held = [];
        using var server = new EchoServer((number, line) =>
        {
            held = number == WrongLine ? line : held;
            return number == WrongLine ? [] : number == WrongLine + 1 ? [line, held] : [line];
        });
        Assert.Contains($"line {WrongLine}, byte", FailsMixed(server));
    }

    [Fact]
    public void In_mixed_sizes_a_byte_that_is_flipped_is_told_with_its_place()
    {
        using var server = new EchoServer((number, line) =>
        {
            line[line.Length / 2] ^= (byte)(number == WrongLine ? 1 : 0);
            return [line];
        });
        int place = LineSizes.Mixed(8, 1024).SizeOf(WrongLine) / 2;
        Assert.Contains($"line {WrongLine}, byte {place}: expected '", FailsMixed(server));
    }

    [Fact]
    public void Two_connections_whose_replies_are_exchanged_are_told()
    {
        // The reply to each line of the second connection is the line of the first that has the same number.
        using var server = new EchoServer((number, line) =>
        {
            line[7] = number > WrongLine && line[7] == (byte)'B' ? (byte)'A' : line[7];
            return [line];
        });
        Assert.Contains("of connection 0: one was lost, or they are out of order", Fails(server, window: 4, connections: 2));
    }

    private static string Fails(EchoServer server, int window, int connections = 3) =>
        Assert.Throws<RunFailedException>(() => Run(server, connections, window, TimeSpan.FromSeconds(5))).Message;

    private static string FailsMixed(EchoServer server) =>
        Assert.Throws<RunFailedException>(() => Run(server.Address, Workload(connections: 1, window: 16) with { LineSize = 8, MaxLineSize = 1024 }, TimeSpan.FromSeconds(5))).Message;

    // A wrong server ends the run long before its time is over. Only a lost line is found at the end.
    private static Measurement Run(EchoServer server, int connections, int window, TimeSpan? time = null) => Run(server.Address, Workload(connections, window), time);

    private static Measurement Run(TargetAddress server, Workload workload, TimeSpan? time = null, TimeSpan? replyTimeout = null) =>
        new WorkloadRun(server, process: null)
        {
            WarmUp = TimeSpan.Zero,
            Time = time ?? TimeSpan.FromSeconds(0.2),
            ReplyTimeout = replyTimeout ?? TimeSpan.FromSeconds(10),
        }.Measure(workload);

    private static Workload Workload(int connections, int window) => new("test", WorkloadKind.ClosedLoop, connections, window, LineSize: 32);
}
