using System.Runtime.Versioning;
using System.Text;
using LineServer.Storage.Internal;
using LineServer.Storage.Internal.Commit;
using LineServer.Storage.Internal.Files;

namespace LineServer.Storage.Tests;

/// <summary>A commit allocates the same, however many lines it has: nothing is allocated for a line.</summary>
[Collection(nameof(Alone))]
[SupportedOSPlatform("linux")]
public sealed class AllocationTests : IDisposable
{
    private const int Commits = 50;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task No_byte_is_allocated_for_a_line()
    {
        using StoreCore core = new Recovery(new LinuxStoreFiles(_directory.Path), new StoreOptions { LogFileSize = 16 * 1024 * 1024 }).Open();
        Task<StreamAttachment> answer = core.AttachAsync("s", isShared: false, new Owner());
        core.CommitNext();
        StreamAttachment attachment = await answer;
        long few = Least(core, attachment, 1);
        long many = Least(core, attachment, 100);
        // A commit whose text lies in two chunks costs some bytes more: far less than one for each of the 50,000 lines.
        Assert.InRange(many, 0, few + 4096);
        Assert.InRange(few / Commits, 0, 2048);
    }

    // The runtime allocates too, when it compiles a method again: the least of some runs is the store's own.
    private static long Least(StoreCore core, StreamAttachment attachment, int appends) =>
        Enumerable.Range(0, 6).Min(_ => Measure(core, attachment, appends));

    private static long Measure(StoreCore core, StreamAttachment attachment, int appends)
    {
        byte[] lines = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("a line of some length\n", 10)));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int commit = 0; commit < Commits; commit++)
        {
            for (int i = 0; i < appends; i++)
            {
                if (attachment.TryAppend(lines, 10) != AppendResult.Taken)
                {
                    throw new InvalidOperationException("no room");
                }
            }

            if (core.CommitNext() != CommitOutcome.Committed || !core.ApplyNext())
            {
                throw new InvalidOperationException("nothing was committed");
            }
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
