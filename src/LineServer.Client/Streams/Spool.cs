using System.Diagnostics;
using System.Globalization;

namespace LineServer.Client.Streams;

/// <summary>
/// Keeps the lines of standard input on disk until they are acknowledged. What an earlier run has left comes first. Lines
/// are sent only once they are synced, so the server never has a line that a crash could take from the spool.
/// </summary>
/// <remarks>
/// The bytes are in segments, one behind the other. The file <c>base</c> gives a place and its number of lines and
/// checksum in the stream; it is written before a segment below it is removed. Before the first OK there is none: nothing
/// was sent, so the server's count decides which line of the stream the first one is.
/// </remarks>
internal sealed class Spool : ILineSource
{
    private const byte LineFeed = (byte)'\n';
    private const int MinSegmentSize = 64 * 1024;
    private const int MaxSegmentSize = 16 * 1024 * 1024;

    /// <summary>The limit in segments. Enough, so that there is room again before all is acknowledged.</summary>
    private const int SegmentsInLimit = 8;

    private readonly Lock _lock = new();
    private readonly string _folder;
    private readonly long _limit;
    private readonly List<SpoolSegment> _segments;

    /// <summary>The end of what was appended, and of what of it is synced.</summary>
    private long _end;
    private long _syncedEnd;

    /// <summary>The end of the last whole line.</summary>
    private long _lineEnd;
    private bool _isEnded;
    private TaskCompletionSource _more = NewSignal();
    private TaskCompletionSource _room = NewSignal();

    private Spool(string folder, long limit, string name)
    {
        _folder = folder;
        _limit = limit;
        Name = name;
        Start = ReadBase();
        _segments = SpoolSegment.OpenAll(folder);
    }

    public string Name { get; }

    public StreamMark? Start { get; private set; }

    public bool HasProblem { get; private set; }

    public string? Hint => "it follows what this address and stream were sent from here; someone else has sent to the stream";

    /// <summary>The bytes of an unfinished line that an earlier run has left, and that were dropped.</summary>
    public long DroppedBytes { get; private set; }

    /// <summary>The bytes of whole lines that an earlier run has left.</summary>
    public long LeftBytes { get; private set; }

    private string BasePath => Path.Combine(_folder, "base");

    private int SegmentSize => (int)Math.Clamp(_limit / SegmentsInLimit, MinSegmentSize, MaxSegmentSize);

    /// <summary>Opens the spool of a stream, or creates it.</summary>
    /// <param name="folder">Where its files are; created if it is missing. Nobody else may use it.</param>
    /// <param name="limit">The most bytes that it holds.</param>
    /// <param name="name">What the input is called in messages.</param>
    /// <exception cref="IOException">It cannot be used; the message says why.</exception>
    public static Spool Open(string folder, long limit, string name)
    {
        try
        {
            Directory.CreateDirectory(folder);
            var spool = new Spool(folder, limit, name);
            spool.Recover();
            return spool;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new IOException($"the spool in {folder} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>Waits until so many bytes may be appended.</summary>
    /// <returns>True if it did not have to wait.</returns>
    /// <exception cref="StreamProblemException">They would never fit: one line fills the spool.</exception>
    public async ValueTask<bool> WaitForRoomAsync(int bytes, CancellationToken cancellationToken)
    {
        Task room;
        lock (_lock)
        {
            if (_end - _lineEnd > _limit / 2)
            {
                throw new StreamProblemException($"{Name}: a line is longer than half of the spool ({_limit} bytes)");
            }

            if (Used + bytes <= _limit)
            {
                return true;
            }

            _room = NewSignal();
            room = _room.Task;
        }

        await room.WaitAsync(cancellationToken);
        return false;
    }

    /// <summary>Appends bytes. They are not read before <see cref="Sync"/>.</summary>
    /// <exception cref="IOException">They cannot be written.</exception>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            if (_segments is not [.., var last] || last.Length >= SegmentSize)
            {
                // What is sealed is synced here, so that Sync need only look at the last one.
                Current?.Sync();
                _segments.Add(SpoolSegment.Create(_folder, _end));
                Posix.SyncFolder(_folder);
            }

            Current!.Append(bytes);
            int lineFeed = bytes.LastIndexOf(LineFeed);
            _lineEnd = lineFeed < 0 ? _lineEnd : _end + lineFeed + 1;
            _end += bytes.Length;
        }
    }

    /// <summary>Waits until what was appended is on the disk, and lets it be read.</summary>
    /// <exception cref="IOException">It cannot be synced.</exception>
    public void Sync()
    {
        SpoolSegment? current;
        long end;
        lock (_lock)
        {
            (current, end) = (Current, _end);
        }

        // Outside the lock, so that acknowledgments are taken meanwhile. Only a full segment is ever removed, and only
        // when it was synced and sent.
        current?.Sync();
        lock (_lock)
        {
            _syncedEnd = end;
            _more.TrySetResult();
        }
    }

    /// <summary>Ends the spool: nothing more is appended.</summary>
    /// <param name="terminate">Add the LF that the last line lacks; otherwise it is dropped.</param>
    /// <returns>False if an unfinished line was dropped.</returns>
    /// <exception cref="IOException">The LF cannot be written.</exception>
    public bool End(bool terminate)
    {
        bool isWhole = _lineEnd == _end;
        if (!isWhole && terminate)
        {
            Append([LineFeed]);
            Sync();
        }

        lock (_lock)
        {
            if (_lineEnd < _end)
            {
                TruncateAt(_lineEnd);
            }

            _isEnded = true;
            _more.TrySetResult();
        }

        return isWhole || terminate;
    }

    /// <summary>Ends the spool because its input cannot be taken. What it holds is still sent.</summary>
    public void Fail()
    {
        HasProblem = true;
        lock (_lock)
        {
            _isEnded = true;
            _more.TrySetResult();
        }
    }

    public void Anchor(long lines, uint crc)
    {
        lock (_lock)
        {
            SetBase(new(lines, Start?.Offset ?? (_segments is [var first, ..] ? first.Start : _end), crc));
        }
    }

    public int Read(Span<byte> buffer, long offset)
    {
        lock (_lock)
        {
            SpoolSegment? segment = _segments.FindLast(segment => segment.Start <= offset);
            long available = Math.Min(segment?.End ?? 0, _syncedEnd) - offset;
            return available <= 0 ? 0 : segment!.Read(buffer[..(int)Math.Min(buffer.Length, available)], offset);
        }
    }

    public bool TryGoOn(StreamMark position, long end) => false;

    public async ValueTask<bool> WaitAsync(StreamMark position, long end, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task more;
            lock (_lock)
            {
                if (_syncedEnd > end || _isEnded)
                {
                    return _syncedEnd > end;
                }

                _more = NewSignal();
                more = _more.Task;
            }

            await more.WaitAsync(cancellationToken);
        }
    }

    public void Release(StreamMark mark)
    {
        lock (_lock)
        {
            bool isAll = _isEnded && mark.Offset == _end;
            if (_segments is [var first, ..] && first.End <= mark.Offset && (isAll || first != Current))
            {
                SetBase(mark);
                RemoveBelow(mark.Offset, andLast: isAll);
                _room.TrySetResult();
            }
        }
    }

    /// <summary>The bytes of whole lines behind a mark.</summary>
    public long BytesAfter(StreamMark mark)
    {
        lock (_lock)
        {
            return _lineEnd - mark.Offset;
        }
    }

    public void Dispose() => _segments.ForEach(segment => segment.Dispose());

    private SpoolSegment? Current => _segments is [.., var last] ? last : null;

    private long Used => _segments.Sum(segment => segment.Length);

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Makes one sequence of whole lines of what is there.</summary>
    private void Recover()
    {
        if (Start is { } start)
        {
            RemoveBelow(start.Offset, andLast: true);
        }

        _end = Start?.Offset ?? 0;
        for (int i = 0; i < _segments.Count; i++)
        {
            bool follows = i == 0 ? Start is null || _segments[i].Start <= Start.Value.Offset : _segments[i].Start == _end;
            if (!follows)
            {
                throw new IOException($"the bytes from {_end} to {_segments[i].Start} are missing");
            }

            _end = _segments[i].End;
            _segments[i].Sync();
        }

        Posix.SyncFolder(_folder);
        _lineEnd = FindLineEnd();
        DroppedBytes = _end - _lineEnd;
        if (DroppedBytes > 0)
        {
            TruncateAt(_lineEnd);
        }

        _syncedEnd = _end;
        LeftBytes = _end - (Start?.Offset ?? (_segments is [var first, ..] ? first.Start : _end));
    }

    private long FindLineEnd()
    {
        byte[] buffer = new byte[64 * 1024];
        long floor = Start?.Offset ?? (_segments is [var first, ..] ? first.Start : _end);
        long end = _end;
        while (end > floor)
        {
            SpoolSegment segment = _segments.FindLast(segment => segment.Start < end)!;
            long start = Math.Max(Math.Max(floor, segment.Start), end - buffer.Length);
            int read = segment.Read(buffer.AsSpan(0, (int)(end - start)), start);
            int lineFeed = buffer.AsSpan(0, read).LastIndexOf(LineFeed);
            if (lineFeed >= 0)
            {
                return start + lineFeed + 1;
            }

            end = start;
        }

        return floor;
    }

    private void TruncateAt(long end)
    {
        Debug.Assert(_segments.Count > 0, "there is something to cut");
        while (Current is { } last && last.Start >= end && _segments.Count > 1)
        {
            last.Delete();
            _segments.RemoveAt(_segments.Count - 1);
        }

        Current!.Truncate(Math.Max(end, Current.Start));
        _end = _lineEnd = end;
        _syncedEnd = Math.Min(_syncedEnd, end);
    }

    private void RemoveBelow(long offset, bool andLast)
    {
        while (_segments is [var first, ..] && first.End <= offset && (andLast || first != Current))
        {
            first.Delete();
            _segments.RemoveAt(0);
        }
    }

    private void SetBase(StreamMark mark)
    {
        DurableFile.Replace(
            BasePath,
            string.Create(CultureInfo.InvariantCulture, $"offset {mark.Offset}\nlines {mark.Lines}\ncrc32c {mark.Crc:x8}\n"),
            survivesPowerCut: true);
        Start = mark;
    }

    private StreamMark? ReadBase()
    {
        if (!File.Exists(BasePath))
        {
            return null;
        }

        string[] words = File.ReadAllText(BasePath).Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        return words is ["offset", var offset, "lines", var lines, "crc32c", var crc]
            ? new(
                long.Parse(lines, NumberStyles.None, CultureInfo.InvariantCulture),
                long.Parse(offset, NumberStyles.None, CultureInfo.InvariantCulture),
                uint.Parse(crc, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture))
            : throw new FormatException($"{BasePath} is damaged");
    }
}
