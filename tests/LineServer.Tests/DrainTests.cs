using System.Net;
using System.Net.Sockets;
using LineServer.Tests.Support;

namespace LineServer.Tests;

/// <summary>SIGTERM, SIGINT, and a second signal.</summary>
public class DrainTests
{
    [Theory]
    [InlineData(Signal.Terminate)]
    [InlineData(Signal.Interrupt)]
    public async Task Under_load_every_connection_sees_a_prefix_of_its_replies_and_then_the_end(int signal)
    {
        const int Connections = 300;
        await using DaemonProcess daemon = DaemonProcess.Serve("echo");
        EndPoint endPoint = await daemon.EndPointAsync();
        LineSocket[] clients = await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => LineSocket.ConnectAsync(endPoint)));
        using var busy = new CountdownEvent(Connections);
        var allAreBusy = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<int>[] conversations = [.. clients.Select((client, i) => PipelineAsync(client, i, () =>
        {
            if (busy.Signal())
            {
                allAreBusy.SetResult();
            }
        }))];
        await allAreBusy.Task.Guarded();
        daemon.Send(signal);
        int[] replies = await Task.WhenAll(conversations);
        Assert.All(replies, count => Assert.InRange(count, 50, int.MaxValue));
        Assert.Equal(0, await daemon.ExitAsync());
        Array.ForEach(clients, client => client.Dispose());
        await Assert.ThrowsAsync<SocketException>(() => LineSocket.ConnectAsync(endPoint));
        Assert.DoesNotContain(daemon.Log.Lines, line => line.Contains("aborted", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Accepting_stops_while_a_connection_is_waited_for()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("delay");
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync("0 there\n8000 answered\n0 this too\n0 half");
        Assert.Equal("there", await client.ReadLineAsync());
        EndPoint endPoint = await daemon.EndPointAsync();
        daemon.Send(Signal.Terminate);
        await daemon.Log.FirstAsync("draining");
        await ConnectUntilRefusedAsync(endPoint);
        Assert.False(daemon.HasExited);
        Assert.Equal("answered\nthis too\n", await client.ReadToEndAsync());
        Assert.Equal(0, await daemon.ExitAsync());
        Assert.Contains("stopped", daemon.Log.Lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_signal_aborts_at_once()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("delay");
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync("0 there\n3600000 late\n");
        Assert.Equal("there", await client.ReadLineAsync());
        daemon.Send(Signal.Terminate);
        await daemon.Log.FirstAsync("draining");
        Assert.Equal(1, await daemon.AbortAsync(Signal.Interrupt));
        Assert.Contains(daemon.Log.Lines, line => line.Contains("a second SIGINT: connections that are still open are aborted", StringComparison.Ordinal));
        AssertNoStackTrace(daemon);
    }

    [Fact]
    public async Task What_waits_in_the_accept_queue_when_a_drain_begins_is_accepted_read_once_and_answered()
    {
        Assert.SkipWhen(DaemonProcess.Transport == "sockets", "Kestrel's sockets close the queue unread: they cannot accept once they are unbound.");
        await using DaemonProcess daemon = DaemonProcess.Serve("echo");
        using LineSocket first = await daemon.ConnectAsync();
        await first.SendAsync("warm\n");
        Assert.Equal("warm", await first.ReadLineAsync());
        daemon.Send(Signal.Stop);
        var clients = new List<LineSocket>();
        for (int i = 0; i < 10; i++)
        {
            clients.Add(await daemon.ConnectAsync());
            await clients[i].SendAsync($"line {i}\n");
        }

        daemon.Send(Signal.Terminate);
        daemon.Send(Signal.Continue);
        for (int i = 0; i < clients.Count; i++)
        {
            Assert.Equal($"line {i}\n", await clients[i].ReadToEndAsync());
            clients[i].Dispose();
        }

        Assert.Equal(0, await daemon.StatusAsync());
    }

    [Fact]
    public async Task DrainTimeout_bounds_the_drain()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("delay", "Limits:DrainTimeout=00:00:00.3");
        using LineSocket client = await daemon.ConnectAsync();
        await client.SendAsync("0 there\n3600000 late\n");
        Assert.Equal("there", await client.ReadLineAsync());
        Assert.Equal(0, await daemon.StopAsync());
        Assert.Contains(daemon.Log.Lines, line => line.Contains("1 connections had not ended after 00:00:00.3", StringComparison.Ordinal));
        AssertNoStackTrace(daemon);
    }

    [Fact]
    public async Task The_longest_timeouts_that_are_allowed_do_not_break_the_stop()
    {
        await using DaemonProcess daemon = DaemonProcess.Serve("echo", "Limits:DrainTimeout=40.00:00:00", "Limits:LingerTimeout=40.00:00:00");
        await daemon.EndPointAsync();
        Assert.Equal(0, await daemon.StopAsync());
    }

    // At most 50 unanswered lines, so that the client stops when the server does. Returns the number of
    // replies, and checks their order.
    private static async Task<int> PipelineAsync(LineSocket client, int id, Action isBusy)
    {
        const int Window = 50;
        int answered = 0;
        string padding = new('x', id);
        bool sends = await TrySendAsync(client, string.Concat(Enumerable.Range(0, Window).Select(i => $"{id} {i} {padding}\n")));
        while (await client.ReadLineAsync() is { } reply)
        {
            Assert.Equal($"{id} {answered} {padding}", reply);
            sends = sends && await TrySendAsync(client, $"{id} {answered + Window} {padding}\n");
            if (++answered == Window)
            {
                isBusy();
            }
        }

        return answered;
    }

    // EPIPE: the server has closed, and a line of ours crossed its FIN. The bytes it sent can still be read.
    private static async Task<bool> TrySendAsync(LineSocket client, string text)
    {
        try
        {
            await client.SendAsync(text);
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.Shutdown)
        {
            return false;
        }
    }

    private static async Task ConnectUntilRefusedAsync(EndPoint endPoint)
    {
        var started = System.Diagnostics.Stopwatch.StartNew();
        while (started.Elapsed < Guard.Timeout)
        {
            try
            {
                using LineSocket late = await LineSocket.ConnectAsync(endPoint);
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
            {
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                // The connection was in the accept queue when the listening socket was closed.
            }
        }

        Assert.Fail("It goes on accepting.");
    }

    private static void AssertNoStackTrace(DaemonProcess daemon) =>
        Assert.DoesNotContain(daemon.Log.Lines, line => line.Contains("   at ", StringComparison.Ordinal) || line.Contains("Exception", StringComparison.Ordinal));
}
