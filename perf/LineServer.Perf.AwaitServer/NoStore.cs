using LineServer.Storage;

namespace LineServer.Perf.AwaitServer;

/// <summary>Acknowledges every line at once, and keeps none: what LS1 costs without a store.</summary>
internal sealed class NoStore : ILineStore
{
    public string Id => "0000000000000000";

    public Durability Durability => Durability.Written;

    public ValueTask<StreamAttachment> AttachAsync(string stream, IAttachmentOwner owner) => new(new Attachment(stream, owner));

    public ValueTask<StreamAttachment> ShareAsync(string stream, IAttachmentOwner owner) => AttachAsync(stream, owner);

    public ILineCursor OpenCursor(string stream, long from) => throw new NotSupportedException();

    public ValueTask<bool> HasLinesAsync(string stream, CancellationToken cancellationToken) => new(false);

    public Task WhenReadableAsync(string stream) => throw new NotSupportedException();

    private sealed class Attachment(string stream, IAttachmentOwner owner) : StreamAttachment
    {
        private long _count;

        public override string Stream => stream;

        public override long Count => 0;

        public override uint Crc => 0;

        public override long FirstKept => 1;

        public override long DurableCount => Volatile.Read(ref _count);

        public override AttachmentEnd EndReason => AttachmentEnd.None;

        public override AppendResult TryAppend(ReadOnlySpan<byte> lines, int count)
        {
            Volatile.Write(ref _count, _count + count);
            owner.OnChanged();
            return AppendResult.Taken;
        }

        public override ValueTask WaitForRoomAsync() => default;

        public override ValueTask WaitForCommitAsync() => default;

        public override void Detach()
        {
        }
    }
}
