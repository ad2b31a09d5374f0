using System.Diagnostics.Metrics;
using System.Globalization;

namespace LineServer.Storage.Tests;

public sealed class StoreMetricsTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Commits_lines_bytes_and_checkpoints_are_counted_by_store()
    {
        var sums = new Dictionary<string, long>(StringComparer.Ordinal);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "LineServer.Storage")
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            if (tags.Length == 1 && string.Equals(Convert.ToString(tags[0].Value, CultureInfo.InvariantCulture), "counted", StringComparison.Ordinal))
            {
                lock (sums)
                {
                    sums[instrument.Name] = sums.GetValueOrDefault(instrument.Name) + value;
                }
            }
        });
        listener.Start();
        await using (LineStore store = LineStore.Open(_directory.Path, new StoreOptions { LogFileSize = 64 * 1024, Name = "counted" }))
        {
            StreamAttachment attachment = await store.AttachAsync("s", new Owner());
            attachment.TryAppend("one\ntwo\n"u8, 2);
            await attachment.WaitForCommitAsync();
        }

        Assert.Equal(1, sums["lineserver.store.commits"]);
        Assert.Equal(2, sums["lineserver.store.committed.lines"]);
        Assert.Equal(8, sums["lineserver.store.committed.bytes"]);
        Assert.Equal(1, sums["lineserver.store.checkpoints"]);
        Assert.Equal(2, sums["lineserver.store.commit.lines"]);
        Assert.False(sums.ContainsKey("lineserver.store.failures"));
    }
}
