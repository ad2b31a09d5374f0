using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>Thousands of clients that send and never read, at a server with limited memory.</summary>
public class NeverReadingTests
{
    // LINESERVER_TESTS=full, set by tests/full.sh, runs it at full size.
    private static readonly int Clients = Environment.GetEnvironmentVariable("LINESERVER_TESTS") == "full" ? 3000 : 600;

    private static readonly byte[] Lines = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("never read, never read, never read\n", 2000)));

    [Fact]
    public async Task They_cannot_use_up_a_limited_memory_and_a_client_that_reads_is_served_throughout()
    {
        await using DaemonProcess daemon = DaemonProcess.Start(new DaemonStart("--listen", "tcp://127.0.0.1:0")
        {
            Environment = { ["DOTNET_GCHeapHardLimit"] = "0x4000000" },
        });
        using LineSocket good = await daemon.ConnectAsync();
        var hostile = new List<Socket>();
        TimeSpan longest = TimeSpan.Zero;
        for (int i = 0; i < Clients; i++)
        {
            hostile.Add(await ConnectAsync(daemon));
            // All clients keep sending, so that one whose buffers were drained a little fills up again.
            foreach (Socket socket in i % 100 == 99 ? hostile : hostile[^1..])
            {
                SendWhatIsTaken(socket);
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

    private static async Task<Socket> ConnectAsync(DaemonProcess daemon)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 2048 };
        await socket.ConnectAsync(await daemon.EndPointAsync()).Guarded();
        socket.Blocking = false;
        return socket;
    }

    private static void SendWhatIsTaken(Socket socket)
    {
        try
        {
            while (socket.Send(Lines, SocketFlags.None, out SocketError error) > 0 && error == SocketError.Success)
            {
            }
        }
        catch (SocketException)
        {
            // Closed, because it held most.
        }
    }
}
