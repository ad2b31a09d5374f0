using System.Threading.Channels;

namespace LineServer.Storage.Tests;

/// <summary>The owner of an attachment, who waits for what he is told.</summary>
internal sealed class Owner : IAttachmentOwner
{
    private readonly Channel<bool> _told = Channel.CreateUnbounded<bool>();

    public void OnChanged() => _told.Writer.TryWrite(true);

    public async Task UntilAsync(Func<bool> condition)
    {
        while (!condition())
        {
            await _told.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
        }
    }
}
