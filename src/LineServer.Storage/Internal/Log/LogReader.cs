using LineServer.Framing;
using LineServer.Storage.Internal.Files;

namespace LineServer.Storage.Internal.Log;

/// <summary>Finds the frames that a recovery accepts: whole, of the checkpoint's epoch, one after the other.</summary>
internal sealed class LogReader(IStoreFiles files, ulong key, Checkpoint checkpoint, StoreRules rules)
{
    private const int WindowSize = 1024 * 1024;

    private byte[] _content = [];

    /// <summary>The frames to be accepted, in order.</summary>
    public List<FramePlace> Accepted { get; } = [];

    /// <summary>The frames behind the first that is missing or broken: none that was acknowledged as synced.</summary>
    public List<FramePlace> Behind { get; } = [];

    /// <summary>The number of the last accepted commit.</summary>
    public long LastLsn => Accepted.Count > 0 ? Accepted[^1].Frame.Lsn : checkpoint.Lsn;

    /// <summary>Reads the log.</summary>
    public void Read()
    {
        var found = new List<FramePlace>();
        for (int file = 0; file < LogFiles.Count; file++)
        {
            if (files.LengthOf(LogFiles.PathOf(file)) is > 0)
            {
                FindFrames(file, found);
            }
        }

        long expected = checkpoint.Lsn + 1;
        foreach (FramePlace place in found.OrderBy(place => place.Frame.Lsn))
        {
            if (Behind.Count == 0 && rules.IsNext(place.Frame.Lsn, expected))
            {
                Accepted.Add(place);
                expected = place.Frame.Lsn + 1;
            }
            else
            {
                Behind.Add(place);
            }
        }
    }

    /// <summary>
    /// A frame is synced before the next is written. So a whole synced frame behind a broken one is no torn end: bytes that
    /// were on the disk have changed.
    /// </summary>
    /// <exception cref="StoreException">There is one.</exception>
    public void ThrowIfDamaged()
    {
        int synced = Behind.FindIndex(place => place.Frame.IsSynced);
        if (synced >= 0)
        {
            string place = Accepted.Count > 0 ? $"behind {Accepted[^1]}" : "at the checkpoint";
            throw new StoreException(
                $"the log is damaged {place}: commit {LastLsn + 1} is missing or broken, but commit {Behind[synced].Frame.Lsn}"
                + $" ({Behind[synced]}) was synced after it. 'lineserver store repair' keeps the lines before it");
        }
    }

    /// <summary>Reads a frame's entries and text again. They are valid until the next call.</summary>
    /// <exception cref="StoreException">It is not what it was a moment ago.</exception>
    public ReadOnlyMemory<byte> ReadContent(in FramePlace place)
    {
        using IStoreFile file = files.OpenRead(LogFiles.PathOf(place.File));
        return IsWhole(file, place.Frame, place.Offset, out ReadOnlyMemory<byte> content)
            ? content
            : throw new StoreException($"{place}: reading it twice gave different bytes");
    }

    private void FindFrames(int number, List<FramePlace> found)
    {
        using IStoreFile file = files.OpenRead(LogFiles.PathOf(number));
        long length = file.Length;
        byte[] window = new byte[(int)Math.Min(WindowSize, length)];
        long windowStart = 0;
        int windowLength = 0;
        for (long offset = 0; offset + Frame.HeadSize <= length;)
        {
            if (offset < windowStart || offset + Frame.HeadSize > windowStart + windowLength)
            {
                windowStart = offset;
                windowLength = file.Read(window, offset);
                if (windowLength < Frame.HeadSize)
                {
                    return;
                }
            }

            offset += Frame.TryRead(window.AsSpan((int)(offset - windowStart), Frame.HeadSize), key, out Frame frame) && frame.Epoch == checkpoint.Epoch
                ? Examine(file, frame, number, offset, length, found)
                : Frame.Alignment;
        }
    }

    /// <summary>Returns the distance to the next place where a frame may begin.</summary>
    private long Examine(IStoreFile file, in Frame frame, int number, long offset, long length, List<FramePlace> found)
    {
        if (frame.PaddedSize > length - offset)
        {
            return Frame.Alignment;
        }

        // What lies behind an old head may be newer: a disk may have lost the write that should have replaced it.
        if (frame.Lsn <= checkpoint.Lsn || !IsWhole(file, frame, offset, out _))
        {
            return Frame.Alignment;
        }

        found.Add(new FramePlace(frame, number, offset));
        return frame.PaddedSize;
    }

    private bool IsWhole(IStoreFile file, in Frame frame, long offset, out ReadOnlyMemory<byte> content)
    {
        int size = frame.EntryBytes + frame.TextBytes;
        if (_content.Length < size)
        {
            _content = new byte[size];
        }

        content = _content.AsMemory(0, size);
        return file.Read(_content.AsSpan(0, size), offset + Frame.HeadSize) == size && Crc32C.Of(content.Span) == frame.ContentCrc;
    }
}
