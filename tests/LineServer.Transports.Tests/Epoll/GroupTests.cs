using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using LineServer.Transports.Epoll.Internal;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace LineServer.Transports.Tests.Epoll;

/// <summary>Connections whose edges come together are received from, handled and sent to together. What they say does not change by that.</summary>
[Collection(nameof(Alone))]
public class GroupTests
{
    private static readonly string Long = new('x', PendingWrites.MaxSize);

    public GroupTests()
    {
        RecordingSystemCalls.Calls.Clear();
        RecordingSystemCalls.SendsFallShort = false;
        RecordingSystemCalls.Throwing = -1;
    }

    [Fact]
    public async Task All_of_a_group_receive_before_the_first_of_them_sends()
    {
        await using HeldGroup held = await HeldGroup.HoldAsync([.. Enumerable.Range(0, 20).Select(i => HeldGroup.Reply($"line {i}\n"))]);
        RecordingSystemCalls.Calls.Clear();
        string[] replies = await held.ReleaseAsync();
        Assert.Equal([.. Enumerable.Range(0, 20).Select(i => $"line {i}\n")], replies);
        (bool IsSend, int Socket)[] calls = [.. RecordingSystemCalls.Calls];
        foreach (int[] group in held.Sockets.Chunk(EventLoop.GroupSize))
        {
            int[] receives = [.. group.Select(socket => Array.IndexOf(calls, (false, socket)))];
            int[] sends = [.. group.Select(socket => Array.IndexOf(calls, (true, socket)))];
            Assert.DoesNotContain(-1, receives.Concat(sends));
            Assert.True(receives.Max() < sends.Min());
            Assert.Equal(sends.Order(), sends);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_flushed_in_several_pieces_stays_in_order(bool sendsFallShort)
    {
        RecordingSystemCalls.SendsFallShort = sendsFallShort;
        await using HeldGroup held = await HeldGroup.HoldAsync(HeldGroup.Reply("one ", "two ", "three\n"), HeldGroup.Reply("short ", Long, "\n"), HeldGroup.Reply(Long, Long, "end\n"), HeldGroup.Reply("last\n"));
        Assert.Equal(["one two three\n", $"short {Long}\n", $"{Long}{Long}end\n", "last\n"], await held.ReleaseAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_another_thread_flushes_meanwhile_comes_behind_it(bool sendsFallShort)
    {
        RecordingSystemCalls.SendsFallShort = sendsFallShort;
        using var hasFlushed = new ManualResetEventSlim();
        await using HeldGroup held = await HeldGroup.HoldAsync(
            async server =>
            {
                await server.Transport.Output.WriteAsync("on the loop "u8.ToArray());
                await Task.Run(async () =>
                {
                    ValueTask<FlushResult> flush = server.Transport.Output.WriteAsync("and off it"u8.ToArray());
                    hasFlushed.Set();
                    await flush;
                    await server.Transport.Output.WriteAsync("\n"u8.ToArray());
                });
            },
            Block(hasFlushed));
        Assert.Equal(["on the loop and off it\n", "blocked\n"], await held.ReleaseAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_end_that_another_thread_sets_meanwhile_comes_behind_it(bool sendsFallShort)
    {
        RecordingSystemCalls.SendsFallShort = sendsFallShort;
        using var hasEnded = new ManualResetEventSlim();
        await using HeldGroup held = await HeldGroup.HoldAsync(
            async server =>
            {
                await server.Transport.Output.WriteAsync("the last\n"u8.ToArray());
                await Task.Run(() =>
                {
                    server.Transport.Output.Complete();
                    hasEnded.Set();
                });
            },
            Block(hasEnded));
        Assert.Equal(["the last\n", "blocked\n"], await held.ReleaseAsync());
        Assert.Equal(0, await held.Peers[0].ReceiveAsync(new byte[1]).InTime());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Disposing_another_of_the_group_sends_what_it_has_flushed_and_then_the_end(bool sendsFallShort)
    {
        RecordingSystemCalls.SendsFallShort = sendsFallShort;
        ConnectionContext? first = null;
        Task disposing = Task.CompletedTask;
        await using HeldGroup held = await HeldGroup.HoldAsync(
            async server =>
            {
                first = server;
                await server.Transport.Output.WriteAsync("goodbye\n"u8.ToArray());
            },
            async server =>
            {
                disposing = first!.DisposeAsync().AsTask();
                await server.Transport.Output.WriteAsync("second\n"u8.ToArray());
            },
            HeldGroup.Reply("third\n"));
        Assert.Equal(["goodbye\n", "second\n", "third\n"], await held.ReleaseAsync());
        Assert.Equal(0, await held.Peers[0].ReceiveAsync(new byte[1]).InTime());
        await disposing.InTime();
    }

    [Fact]
    public async Task Aborting_another_of_the_group_harms_no_third()
    {
        ConnectionContext? first = null;
        await using HeldGroup held = await HeldGroup.HoldAsync(
            async server =>
            {
                first = server;
                await server.Transport.Output.WriteAsync("!"u8.ToArray());
            },
            async server =>
            {
                first!.Abort();
                await first.DisposeAsync();
                await server.Transport.Output.WriteAsync("second\n"u8.ToArray());
            },
            HeldGroup.Reply("third\n"));
        Assert.Equal(["second\n", "third\n"], await held.ReleaseAsync(from: 1));
        // Sent before that, or never: handlers that take long are not waited for.
        byte[] buffer = new byte[2];
        await Assert.ThrowsAsync<SocketException>(async () =>
        {
            Assert.Equal(1, await held.Peers[0].ReceiveAsync(buffer).InTime());
            await held.Peers[0].ReceiveAsync(buffer).InTime();
        });
    }

    [Fact]
    public async Task A_second_flush_does_not_wait_for_the_group()
    {
        bool hasWaited = true;
        await using HeldGroup held = await HeldGroup.HoldAsync(
            async server =>
            {
                await server.Transport.Output.WriteAsync("one "u8.ToArray());
                ValueTask<FlushResult> second = server.Transport.Output.WriteAsync("two\n"u8.ToArray());
                hasWaited = !second.IsCompleted;
                await second;
            },
            HeldGroup.Reply("other\n"));
        Assert.Equal(["one two\n", "other\n"], await held.ReleaseAsync());
        Assert.False(hasWaited);
    }

    [Fact]
    public async Task Small_flushes_of_a_handler_leave_in_one_send()
    {
        await using HeldGroup held = await HeldGroup.HoldAsync(HeldGroup.Reply("one ", "two ", "three\n"));
        RecordingSystemCalls.Calls.Clear();
        Assert.Equal(["one two three\n"], await held.ReleaseAsync());
        Assert.Single(RecordingSystemCalls.Calls, call => call.IsSend);
    }

    [Fact]
    public async Task No_reply_waits_for_handlers_that_take_their_time()
    {
        using var isAnswered = new ManualResetEventSlim();
        await using HeldGroup held = await HeldGroup.HoldAsync(
            HeldGroup.Reply("quick\n"),
            async server =>
            {
                long tick = Environment.TickCount64;
                SpinWait.SpinUntil(() => Environment.TickCount64 != tick);
                await server.Transport.Output.WriteAsync("slow\n"u8.ToArray());
            },
            Block(isAnswered));
        Assert.Equal("quick\n", await held.ReplyAsync(0));
        isAnswered.Set();
        Assert.Equal(["slow\n", "blocked\n"], await held.ReleaseAsync(from: 1));
    }

    // The loop is held until another thread has done its part; so the group has not ended by then.
    private static Func<ConnectionContext, Task> Block(ManualResetEventSlim until) => async server =>
    {
        Assert.True(until.Wait(TimeSpan.FromSeconds(20)));
        await server.Transport.Output.WriteAsync("blocked\n"u8.ToArray());
    };

    [Fact]
    public async Task A_send_that_throws_at_the_end_of_a_group_ends_its_own_connection_and_no_other()
    {
        await using HeldGroup held = await HeldGroup.HoldAsync(HeldGroup.Reply("first\n"), HeldGroup.Reply("second\n"), HeldGroup.Reply("third\n"));
        RecordingSystemCalls.Throwing = held.Sockets[1];
        Assert.Equal("first\n", await held.ReplyAsync(0));
        Assert.Equal("third\n", await held.ReplyAsync(2));
        await Record.ExceptionAsync(() => held.Peers[1].ReceiveToEndAsync().InTime("the end of the connection whose send threw"));
    }
}
