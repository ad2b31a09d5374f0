using System.Net;
using LineServer.Tests.Support;

namespace LineServer.Tests.Stored;

/// <summary>
/// A ledger over many deaths of the machine, on file systems of a real kernel: eight streams at once, the power is cut at
/// a random moment, and what was acknowledged is there, once and in order.
/// </summary>
public sealed class PowerCutTests : IDisposable
{
    private const int Streams = 8;

    private readonly TemporaryDirectory _directory = new();

    /// <summary>One round in every run; 20 with LINESERVER_TESTS=full.</summary>
    private static int Rounds => Environment.GetEnvironmentVariable("LINESERVER_TESTS") == "full" ? 20 : 1;

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("ext4")]
    [InlineData("ext4-nojournal")]
    [InlineData("xfs")]
    public async Task No_acknowledged_line_is_lost_or_doubled_by_a_power_cut(string fileSystem)
    {
        await using LoopMount mount = await LoopMount.MakeAsync(fileSystem, _directory.Path, mebibytes: 1024);
        using var store = new StoreDirectory(mount.Path);
        var random = new Random(17);
        StreamSender[] senders = Senders();
        for (int round = 0; round < Rounds; round++)
        {
            await using DaemonProcess daemon = store.Serve("Stores:main:SegmentSize=64k");
            Task sending = await SendAsync(daemon, senders, random);
            await CutPowerAsync(mount, daemon, sending);
            await using DaemonProcess next = store.Serve();
            await next.EndPointAsync("lines");
            Assert.All(senders, sender => sender.Compare(store.Lines(sender.Stream)));
            Assert.Equal(0, await next.StopAsync());
        }

        FinishedProcess verified = await DaemonProcess.RunAsync("store", "verify", store.Path);
        Assert.Equal((0, ""), (verified.Status, verified.Error));
        TestContext.Current.SendDiagnosticMessage(
            $"{fileSystem}: {Rounds} power cuts, {senders.Sum(sender => sender.Acknowledged)} lines acknowledged, 0 lost, 0 doubled, 0 out of order");
    }

    [Theory]
    [InlineData("ext4")]
    [InlineData("ext4-nojournal")]
    [InlineData("xfs")]
    public async Task Written_lines_survive_a_kill_and_after_a_power_cut_each_stream_is_a_prefix(string fileSystem)
    {
        await using LoopMount mount = await LoopMount.MakeAsync(fileSystem, _directory.Path, mebibytes: 1024);
        using var store = new StoreDirectory(mount.Path);
        string[] settings = ["Stores:main:SegmentSize=64k", "Stores:main:Durability=Written"];
        var random = new Random(19);
        long lost = 0;
        for (int round = 0; round < Rounds; round++)
        {
            StreamSender[] senders = Senders();
            await using DaemonProcess killed = store.Serve(settings);
            Task sending = await SendAsync(killed, senders, random);
            killed.Send(Signal.Killed);
            await killed.StatusAsync();
            await sending.Guarded();
            await using DaemonProcess daemon = store.Serve(settings);
            await daemon.EndPointAsync("lines");
            Assert.All(senders, sender => sender.Compare(store.Lines(sender.Stream)));
            sending = await SendAsync(daemon, senders, random);
            await CutPowerAsync(mount, daemon, sending);
            await using DaemonProcess next = store.Serve(settings);
            await next.EndPointAsync("lines");
            Assert.All(senders, sender => sender.CompareText(store.Lines(sender.Stream)));
            lost += senders.Sum(sender => Math.Max(0, sender.Acknowledged - store.Lines(sender.Stream).Count(c => c == '\n')));
            Assert.Equal(0, await next.StopAsync());
        }

        FinishedProcess verified = await DaemonProcess.RunAsync("store", "verify", store.Path);
        Assert.Equal((0, ""), (verified.Status, verified.Error));
        TestContext.Current.SendDiagnosticMessage($"{fileSystem}, Written: {Rounds} kills without a loss, {Rounds} power cuts that took {lost} lines");
    }

    private static StreamSender[] Senders() => [.. Enumerable.Range(0, Streams).Select(i => new StreamSender($"s{i}"))];

    /// <summary>Begins to send, and returns at a random moment, while all are sending.</summary>
    private static async Task<Task> SendAsync(DaemonProcess daemon, StreamSender[] senders, Random random)
    {
        EndPoint endPoint = await daemon.EndPointAsync("lines");
        Task<string?>[] sending = [.. senders.Select(sender => sender.SendAsync(endPoint))];
#pragma warning disable CA5394 // Nothing secret: the moments of the cuts.
        long enough = senders.Sum(sender => sender.Acknowledged) + random.Next(1, 50_000);
#pragma warning restore CA5394
        while (senders.Sum(sender => sender.Acknowledged) < enough)
        {
            Assert.All(sending, one => Assert.False(one.IsCompleted, "a sender has ended before its server"));
            await Task.Yield();
        }

        return Task.WhenAll(sending);
    }

    /// <summary>
    /// The process stops first: otherwise it would acknowledge what the dead file system seems to take, and no machine
    /// without power does.
    /// </summary>
    private static async Task CutPowerAsync(LoopMount mount, DaemonProcess daemon, Task sending)
    {
        daemon.Send(Signal.Stop);
        while (!IsStopped(daemon.Id))
        {
            await Task.Yield();
        }

        mount.CutPower();
        daemon.Send(Signal.Killed);
        await daemon.StatusAsync();
        await sending.Guarded();
        await mount.UnmountAsync();
        await mount.MountAsync();
    }

    /// <summary>True if no thread of a process runs: each is stopped, or waits for the disk within a call.</summary>
    private static bool IsStopped(int process) => Directory.GetDirectories($"/proc/{process}/task").All(thread =>
    {
        try
        {
            string stat = File.ReadAllText($"{thread}/stat");
            return stat[stat.LastIndexOf(')') + 2] is 'T' or 'D';
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return true;
        }
    });
}
