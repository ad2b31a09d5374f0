using LineServer.Framing;
using LineServer.Storage.Internal;
using LineServer.Storage.Internal.Files;
using LineServer.Storage.Internal.Log;
using LineServer.Storage.Internal.Segments;

namespace LineServer.Storage.Tests.Disk;

/// <summary>Files under a store that does not do what it should.</summary>
internal sealed class SabotagedFiles(SimulatedDisk disk, Sabotage sabotage) : IStoreFiles
{
    /// <summary>True while the store recovers.</summary>
    public bool IsRecovering { get; set; }

    /// <summary>True while the applier writes to the segments.</summary>
    public bool IsApplying { get; set; }

    public long Room => disk.Room;

    public void CreateDirectory(string path) => disk.CreateDirectory(path);

    public IReadOnlyList<string> List(string path) => disk.List(path);

    public long? LengthOf(string path) => disk.LengthOf(path);

    public DateTimeOffset? WrittenAt(string path) => disk.WrittenAt(path);

    public IStoreFile Open(string path) => Wrap(path, disk.Open(path));

    public IStoreFile OpenRead(string path) => Wrap(path, disk.OpenRead(path));

    public void Rename(string from, string to) => disk.Rename(from, to);

    public void Delete(string path) => disk.Delete(path);

    public void DeleteDirectory(string path) => disk.DeleteDirectory(path);

    public void SyncDirectory(string path)
    {
        bool isSkipped = sabotage switch
        {
            Sabotage.LogDirectoryNotSynced => path == LogFiles.Directory,
            Sabotage.StreamDirectoryNotSynced => path.StartsWith(SegmentPath.Root + "/", StringComparison.Ordinal),
            Sabotage.RootOfStreamsNotSynced => path == SegmentPath.Root,
            _ => false,
        };
        if (!isSkipped)
        {
            disk.SyncDirectory(path);
        }
    }

    private File Wrap(string path, IStoreFile file) => new(this, path, file);

    private bool SkipsSyncOf(string path)
    {
        bool isSegment = path.StartsWith(SegmentPath.Root, StringComparison.Ordinal);
        return sabotage switch
        {
            Sabotage.AckBeforeSync => path.StartsWith(LogFiles.Directory, StringComparison.Ordinal),
            Sabotage.LogRecycledBeforeSegmentsAreSynced => isSegment && !IsRecovering,
            Sabotage.CheckpointRenamedUnsynced => path.StartsWith(Checkpoint.Path, StringComparison.Ordinal),
            Sabotage.SegmentsNotSyncedWhenSealed => isSegment && IsApplying,
            Sabotage.RecoveryDoesNotSync => isSegment && IsRecovering,
            _ => false,
        };
    }

    private sealed class File(SabotagedFiles files, string path, IStoreFile file) : IStoreFile
    {
        public long Length => file.Length;

        public int Read(Span<byte> buffer, long offset)
        {
            int read = file.Read(buffer, offset);
            if (files.IsSabotage(Sabotage.ChecksumNotCompared) && path.StartsWith(LogFiles.Directory, StringComparison.Ordinal))
            {
                MakeChecksumsRight(buffer[..read], offset);
            }

            return read;
        }

        public void Write(IReadOnlyList<ReadOnlyMemory<byte>> buffers, long offset) => file.Write(buffers, offset);

        public void SetLength(long length)
        {
            if (!files.IsSabotage(Sabotage.SegmentsNotCut) || !path.StartsWith(SegmentPath.Root, StringComparison.Ordinal))
            {
                file.SetLength(length);
            }
        }

        public void Sync()
        {
            if (files.SkipsSyncOf(path))
            {
                return;
            }

            try
            {
                file.Sync();
            }
            catch (IOException) when (files.IsSabotage(Sabotage.FailedSyncTriedAgain))
            {
                file.Sync();
            }
        }

        public void BeginWriteBack(long offset, long length) => file.BeginWriteBack(offset, length);

        public void Dispose() => file.Dispose();

        // As if nobody compared: every head that is asked for gets the checksum of what lies behind it.
        private void MakeChecksumsRight(Span<byte> bytes, long start)
        {
            for (long offset = (start + Frame.Alignment - 1) / Frame.Alignment * Frame.Alignment; offset + Frame.HeadSize <= start + bytes.Length; offset += Frame.Alignment)
            {
                Span<byte> head = bytes.Slice((int)(offset - start), Frame.HeadSize);
                ulong key = BitConverter.ToUInt64(head);
                if (key == 0 || !Frame.TryRead(head, key, out Frame frame))
                {
                    continue;
                }

                byte[] content = new byte[frame.EntryBytes + frame.TextBytes];
                file.Read(content, offset + Frame.HeadSize);
                frame.ContentCrc = Crc32C.Of(content);
                frame.Write(head);
            }
        }
    }

    private bool IsSabotage(Sabotage other) => sabotage == other;
}
