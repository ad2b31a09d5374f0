using LineServer.Storage.Internal.Files;

namespace LineServer.Benchmarks.Stores;

/// <summary>Files on a disk whose syncs take longer, by a fixed time.</summary>
internal sealed class SlowStoreFiles(IStoreFiles files, TimeSpan delay) : IStoreFiles
{
    public long Room => files.Room;

    public void CreateDirectory(string path) => files.CreateDirectory(path);

    public IReadOnlyList<string> List(string path) => files.List(path);

    public long? LengthOf(string path) => files.LengthOf(path);

    public DateTimeOffset? WrittenAt(string path) => files.WrittenAt(path);

    public IStoreFile Open(string path) => delay > TimeSpan.Zero ? new SlowFile(files.Open(path), delay) : files.Open(path);

    public IStoreFile OpenRead(string path) => files.OpenRead(path);

    public void Rename(string from, string to) => files.Rename(from, to);

    public void Delete(string path) => files.Delete(path);

    public void DeleteDirectory(string path) => files.DeleteDirectory(path);

    public void SyncDirectory(string path) => files.SyncDirectory(path);

    private sealed class SlowFile(IStoreFile file, TimeSpan delay) : IStoreFile
    {
        public long Length => file.Length;

        public int Read(Span<byte> buffer, long offset) => file.Read(buffer, offset);

        public void Write(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset) => file.Write(buffers, offset);

        public void SetLength(long length) => file.SetLength(length);

        public void Sync()
        {
            Thread.Sleep(delay);
            file.Sync();
        }

        public void BeginWriteBack(long offset, long length) => file.BeginWriteBack(offset, length);

        public void Dispose() => file.Dispose();
    }
}
