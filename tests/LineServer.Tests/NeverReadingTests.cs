using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>Thousands of clients that send and never read, at a server with limited memory.</summary>
public class NeverReadingTests
{
    // LINESERVER_TESTS=full, as tests/full.sh sets it: in full size.
    private static readonly bool IsFull = Environment.GetEnvironmentVariable("LINESERVER_TESTS") == "full";
    private static readonly int Clients = IsFull ? 3000 : 600;

    private static readonly byte[] Lines = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("never read, never read, never read\n", 2000)));

    [Fact]
    public async Task They_cannot_use_up_a_limited_memory_and_a_client_that_reads_is_served_throughout()
    {
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", "tcp://127.0.0.1:0")
        {
            Environment = { ["DOTNET_GCHeapHardLimit"] = "0x4000000" },
        });
        using LineSocket good = await daemon.ConnectAsync();
        EndPoint endPoint = await daemon.EndPointAsync();
        var hostile = new List<Socket>();
        TimeSpan longest = TimeSpan.Zero;
        for (int i = 0; i < Clients; i++)
        {
            hostile.Add(await ConnectAsync(endPoint));
            // All of them go on sending, so that whoever was drained a little fills up again.
            foreach (Socket socket in i % 100 == 99 ? hostile : hostile[^1..])
            {
                SendWhatIsTaken(socket, Lines);
            }

            if (i % 10 == 0)
            {
                long start = Stopwatch.GetTimestamp();
                await AssertServedAsync(good, daemon);
                longest = Stopwatch.GetElapsedTime(start) is var elapsed && elapsed > longest ? elapsed : longest;
            }
        }

        TestContext.Current.SendDiagnosticMessage($"{Clients} clients that never read: the good client waited {longest.TotalMilliseconds:F0} ms at most, {daemon.ResidentBytes >> 20} MiB resident");
        hostile.ForEach(static socket => socket.Dispose());
        // The memory is free again: as many clients that read are served at once.
        var served = new List<LineSocket>();
        for (int i = 0; i < Clients; i++)
        {
            served.Add(await daemon.ConnectAsync());
            await served[^1].SendAsync("after\n");
        }

        foreach (LineSocket client in served)
        {
            Assert.Equal("after", await client.ReadLineAsync());
            client.Dispose();
        }

        Assert.Equal(0, await daemon.StopAsync());
    }

    /// <summary>The promise of docs/configuration.md: 10,000 of them within 1 GiB. The ordinary run has a tenth of each.</summary>
    [Theory]
    [InlineData("echo", "never read, never read, never read\n")]
    [InlineData("delay", "86400000 waits\n")]
    public async Task Ten_thousand_that_never_read_or_whose_handler_waits_leave_a_server_within_1_GiB_alive(string handler, string line)
    {
        int clients = IsFull ? 10_000 : 1_000;
        long memory = (1L << 30) / (IsFull ? 1 : 10);
        byte[] lines = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat(line, 4000)));
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart(
            "--set", "Endpoints:hostile:Address=tcp://127.0.0.1:0", "--set", $"Endpoints:hostile:Handler={handler}", "--set", "Endpoints:good:Address=tcp://127.0.0.1:0", "--set", "Limits:DrainTimeout=00:00:01")
        {
            // What the runtime gives its heap in a container of that size.
            Environment = { ["DOTNET_GCHeapHardLimit"] = $"0x{memory / 4 * 3:X}" },
        });
        using LineSocket good = await daemon.ConnectAsync("good");
        EndPoint endPoint = await daemon.EndPointAsync("hostile");
        var hostile = new List<Socket>();
        try
        {
            for (int i = 0; i < clients; i++)
            {
                hostile.Add(await ConnectAsync(endPoint));
                SendWhatIsTaken(hostile[^1], lines);
                if (i % 100 == 99)
                {
                    // Whoever was drained a little fills up again.
                    hostile.ForEach(socket => SendWhatIsTaken(socket, lines));
                    await AssertServedAsync(good, daemon);
                }
            }

            long resident = daemon.ResidentBytes;
            TestContext.Current.SendDiagnosticMessage($"{clients} clients of {handler}: {resident >> 20} MiB resident");
            // The runtime's own 64 MiB matter in the small run only.
            Assert.InRange(resident, 0, memory + (IsFull ? 0 : 64 << 20));
            await AssertServedAsync(good, daemon);
        }
        finally
        {
            hostile.ForEach(static socket => socket.Dispose());
        }

        await AssertServedAsync(good, daemon);
        await daemon.StopAsync();
    }

    /// <summary>The table of limits in docs/configuration.md: with a budget that does not act, and the defaults for all else.</summary>
    [Theory]
    [InlineData("epoll", 320, 36)]
    [InlineData("epoll", 320, 65_000)]
    [InlineData("sockets", 256, 36)]
    [InlineData("sockets", 256, 65_000)]
    public async Task A_client_that_never_reads_holds_no_more_than_the_documented_worst_case(string transport, int mostKiB, int lineLength)
    {
        const int Count = 200;
        byte[] lines = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat($"{new string('n', lineLength - 1)}\n", (128 * 1024 / lineLength) + 1)));
        await using DaemonProcess daemon = DaemonProcess.Start(
            "--transport", transport, "--listen", "tcp://127.0.0.1:0", "--set", $"Limits:MaxTotalBufferSize={1L << 40}");
        using LineSocket good = await daemon.ConnectAsync();
        await AssertServedAsync(good, daemon);
        long before = daemon.ResidentBytes;
        EndPoint endPoint = await daemon.EndPointAsync();
        var hostile = new List<Socket>();
        try
        {
            for (int i = 0; i < Count; i++)
            {
                hostile.Add(await ConnectAsync(endPoint));
            }

            // Until the server has read all that it will: three rounds, each with a reply between, in which nothing is taken.
            for (int stuck = 0; stuck < 3;)
            {
                long taken = hostile.Sum(socket => SendWhatIsTaken(socket, lines));
                stuck = taken == 0 ? stuck + 1 : 0;
                await AssertServedAsync(good, daemon);
            }

            long each = (daemon.ResidentBytes - before) / Count;
            TestContext.Current.SendDiagnosticMessage($"{transport}, lines of {lineLength}: {each >> 10} KiB each");
            Assert.InRange(each, 0, mostKiB * 1024L);
        }
        finally
        {
            hostile.ForEach(static socket => socket.Dispose());
        }
    }

    private static async Task AssertServedAsync(LineSocket client, DaemonProcess daemon)
    {
        string? reply;
        try
        {
            await client.SendAsync("good\n");
            reply = await client.ReadLineAsync();
        }
        catch (SocketException e)
        {
            reply = e.Message;
        }

        Assert.True(reply == "good", $"{reply}; the log: {string.Join('\n', daemon.Log.Lines)}");
    }

    private static async Task<Socket> ConnectAsync(EndPoint endPoint)
    {
        // Small: what is to fill up is the server.
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 2048, SendBufferSize = 64 * 1024 };
        await socket.ConnectAsync(endPoint).Guarded();
        socket.Blocking = false;
        return socket;
    }

    /// <returns>How many bytes were taken.</returns>
    private static long SendWhatIsTaken(Socket socket, byte[] lines)
    {
        long taken = 0;
        SocketError error = SocketError.Success;
        while (error == SocketError.Success)
        {
            // Any other error: closed, because it held most.
            taken += Math.Max(socket.Send(lines, SocketFlags.None, out error), 0);
        }

        return taken;
    }
}
