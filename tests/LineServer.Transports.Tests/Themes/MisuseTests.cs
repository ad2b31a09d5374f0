using System.Buffers;
using System.IO.Pipelines;
using LineServer.Transports.Tests.Support;
using LineServer.Transports.Tests.Transports;

namespace LineServer.Transports.Tests.Themes;

/// <summary>Wrong use throws what System.IO.Pipelines' own pipe throws: each case is done to both.</summary>
public abstract class MisuseTests(Transport transport)
{
    private static readonly Dictionary<string, Func<PipeReader, PipeWriter, Task>> Cases = new(StringComparer.Ordinal)
    {
        ["AdvanceTo without a read"] = async (reader, _) =>
        {
            ReadResult read = await reader.ReadAsync();
            reader.AdvanceTo(read.Buffer.Start);
            reader.AdvanceTo(read.Buffer.Start);
        },
        ["consumed after examined"] = async (reader, _) =>
        {
            ReadResult read = await reader.ReadAtLeastAsync(5);
            reader.AdvanceTo(read.Buffer.End, read.Buffer.Start);
        },
        ["two reads at once"] = async (reader, _) =>
        {
            ReadResult read = await reader.ReadAtLeastAsync(5);
            reader.AdvanceTo(read.Buffer.End);
            Task<ReadResult> pending = reader.ReadAsync().AsTask();
            Assert.False(pending.IsCompleted);
            await reader.ReadAsync();
        },
        ["a read without AdvanceTo"] = async (reader, _) =>
        {
            await reader.ReadAtLeastAsync(5);
            await reader.ReadAsync();
        },
        ["TryRead without AdvanceTo"] = async (reader, _) =>
        {
            await reader.ReadAtLeastAsync(5);
            reader.TryRead(out ReadResult _);
        },
        ["a read after Complete"] = async (reader, _) =>
        {
            await reader.CompleteAsync();
            await reader.ReadAsync();
        },
        ["TryRead after Complete"] = async (reader, _) =>
        {
            await reader.CompleteAsync();
            reader.TryRead(out ReadResult _);
        },
        ["AdvanceTo after Complete"] = async (reader, _) =>
        {
            ReadResult read = await reader.ReadAtLeastAsync(5);
            await reader.CompleteAsync();
            reader.AdvanceTo(read.Buffer.End);
        },
        ["Complete twice"] = async (reader, writer) =>
        {
            await reader.CompleteAsync();
            await reader.CompleteAsync();
            await writer.CompleteAsync();
            await writer.CompleteAsync();
        },
        ["CancelPendingRead after Complete"] = async (reader, _) =>
        {
            await reader.CompleteAsync();
            reader.CancelPendingRead();
        },
        ["CancelPendingFlush after Complete"] = async (_, writer) =>
        {
            await writer.CompleteAsync();
            writer.CancelPendingFlush();
        },
        ["GetMemory after Complete"] = async (_, writer) =>
        {
            await writer.CompleteAsync();
            writer.GetMemory(1);
        },
        ["GetSpan after Complete"] = async (_, writer) =>
        {
            await writer.CompleteAsync();
            writer.GetSpan(1);
        },
        ["WriteAsync after Complete"] = async (_, writer) =>
        {
            await writer.CompleteAsync();
            await writer.WriteAsync("x"u8.ToArray());
        },
        ["Advance beyond the memory"] = (_, writer) =>
        {
            writer.Advance(writer.GetMemory(1).Length + 1);
            return Task.CompletedTask;
        },
        ["Advance without memory"] = (_, writer) =>
        {
            writer.Advance(1);
            return Task.CompletedTask;
        },
        ["Advance backwards"] = (_, writer) =>
        {
            writer.GetMemory(1);
            writer.Advance(-1);
            return Task.CompletedTask;
        },
        ["a negative size"] = (_, writer) =>
        {
            writer.GetMemory(-1);
            return Task.CompletedTask;
        },
    };

    public static TheoryData<string> Names => [.. Cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Misuse_throws_what_a_pipe_throws(string name)
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync("hello"u8.ToArray());
        Exception? expected = await Record.ExceptionAsync(() => Cases[name](pipe.Reader, new Pipe().Writer).InTime());

        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        await pair.Peer.SendAsync("hello"u8.ToArray());
        Exception? error = await Record.ExceptionAsync(() => Cases[name](pair.Input, pair.Output).InTime());
        Assert.Equal(expected?.GetType(), error?.GetType());
    }

    [Fact]
    public async Task A_connection_can_be_disposed_in_the_middle_of_a_read()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        await pair.Peer.SendAsync(1, 100_000).InTime();
        await pair.Input.ReadAsync().InTime();
        pair.Output.GetMemory(100);
        pair.Output.Advance(10);
        Task disposing = pair.Server.DisposeAsync().AsTask();
        pair.Peer.Dispose();
        await disposing.InTime();
    }

    [Fact]
    public async Task A_reader_completed_with_an_error_ends_in_a_connection_that_still_writes()
    {
        await using Listening listening = await transport.ListenAsync();
        await using Pair pair = await listening.PairAsync();
        await pair.Input.CompleteAsync(new InvalidOperationException("the handler's own"));
        await pair.Output.WriteAsync("bye"u8.ToArray()).InTime();
        Assert.Equal("bye"u8.ToArray(), await pair.Peer.ReceiveExactlyAsync(3).InTime());
    }
}
