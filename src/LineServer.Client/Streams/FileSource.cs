using LineServer.Linux;

namespace LineServer.Client.Streams;

/// <summary>
/// A file as a source of lines. With <c>--follow</c> it goes on as the file grows, and through rotation: the rest of the
/// old file, then the new one, as one sequence. An old file stays open until all its lines are acknowledged.
/// </summary>
internal sealed class FileSource : ILineSource
{
    private readonly Lock _lock = new();
    private readonly List<FilePart> _parts = [];
    private readonly HashSet<string> _problems = new(StringComparer.Ordinal);
    private readonly StreamTiming _timing;
    private readonly bool _follow;
    private readonly bool _terminate;
    private readonly Action<string> _note;

    /// <summary>The last file whose lines are all acknowledged. It stays open to notice that its writer has not let go of it.</summary>
    private FilePart? _previous;

    private FileSource(string name, FilePart first, bool follow, bool terminate, StreamTiming timing, Action<string> note)
    {
        Name = name;
        _parts.Add(first);
        (_follow, _terminate, _timing, _note) = (follow, terminate, timing, note);
    }

    public string Name { get; }

    public StreamMark? Start
    {
        get
        {
            lock (_lock)
            {
                return _parts[0].Start;
            }
        }
    }

    public bool HasProblem
    {
        get
        {
            lock (_problems)
            {
                return _problems.Count > 0;
            }
        }
    }

    public string? Hint { get; private init; }

    /// <summary>What a later run must know: the files whose lines are not all acknowledged, and the last one.</summary>
    public IReadOnlyList<FileRecord> Records
    {
        get
        {
            lock (_lock)
            {
                return [.. _parts.TakeWhile(part => part.Start.Lines >= 0).Select(part => part.Describe())];
            }
        }
    }

    /// <summary>The number of bytes of all parts, for a progress bar.</summary>
    public long Length
    {
        get
        {
            lock (_lock)
            {
                return _parts[^1].Start.Offset + _parts[^1].Length;
            }
        }
    }

    /// <summary>Opens a file, or with <paramref name="follow"/> the rotated file that the last run had not finished.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="follow">Go on as it grows.</param>
    /// <param name="terminate">Add the LF that a last line lacks.</param>
    /// <param name="remembered">The <see cref="Records"/> of the last run; empty if there are none.</param>
    /// <param name="timing">The clock, and how often to look.</param>
    /// <param name="note">Told what the user should know at once.</param>
    public static FileSource Open(
        InputFile file, bool follow, bool terminate, IReadOnlyList<FileRecord> remembered, StreamTiming timing, Action<string> note)
    {
        foreach (FileRecord record in remembered)
        {
            InputFile? found = FilePart.IsRemembered(file, record) ? file : follow ? RotatedFiles.Find(file.Name, record) : null;
            if (found is not null)
            {
                return new(file.Name, new(found, new(record.Lines, 0, record.Crc)), follow, terminate, timing, note);
            }
        }

        return new(file.Name, new(file, default), follow, terminate, timing, note) { Hint = HintFor(file, follow, remembered) };
    }

    public void Anchor(long lines, uint crc)
    {
        lock (_lock)
        {
            _parts[0].Start = _parts[0].Start with { Lines = lines, Crc = crc };
            _parts.Skip(1).ToList().ForEach(part => part.Start = part.Start with { Lines = -1 });
        }
    }

    public int Read(Span<byte> buffer, long offset)
    {
        FilePart part = PartAt(offset);
        return part.Read(buffer, offset - part.Start.Offset);
    }

    public bool TryGoOn(StreamMark position, long end)
    {
        FilePart part = PartAt(long.MaxValue);
        return _follow && !IsAtPath(part) && TryEnd(part, position, end);
    }

    public async ValueTask<bool> WaitAsync(StreamMark position, long end, CancellationToken cancellationToken)
    {
        FilePart part = PartAt(long.MaxValue);
        long seen = end - part.Start.Offset;
        long? rotated = null;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (part.Length > seen)
            {
                return true;
            }

            if (part.Length < seen)
            {
                throw new StreamProblemException(
                    $"{Name} was truncated at line {position.Lines} of the stream: what was written before that and not read is lost (copytruncate cannot be followed)");
            }

            if (!_follow)
            {
                return TryAddLineFeed(part, position, end);
            }

            CheckLateBytes();
            rotated = IsAtPath(part) ? null : rotated ?? _timing.Time.GetTimestamp();
            if (rotated is long since && IsLeft(part, since) && (part.Length > seen || TryEnd(part, position, end)))
            {
                // What was written just before the file was left comes first.
                return true;
            }

            await Task.Delay(_timing.PollInterval, _timing.Time, cancellationToken);
        }
    }

    public void Release(StreamMark mark)
    {
        lock (_lock)
        {
            while (_parts.Count > 1 && _parts[1].Start.Offset <= mark.Offset)
            {
                CheckLateBytes();
                _previous?.Dispose();
                _previous = _parts[0];
                _parts.RemoveAt(0);
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            CheckLateBytes();
            _previous?.Dispose();
            _parts.ForEach(part => part.Dispose());
        }
    }

    private static string? HintFor(InputFile file, bool follow, IReadOnlyList<FileRecord> remembered)
    {
        if (remembered is not [.., var last])
        {
            return follow ? "if it was rotated since the last run, only that run's state knows where this file begins, and there is none" : null;
        }

        bool isSame = FilePart.IdentityOf(file) is { } identity && identity.Device == last.Device && identity.Inode == last.Inode;
        return isSame && file.CurrentLength < last.Length ? "it is shorter than it was in the last run: it was truncated"
            : isSame ? "its beginning differs from what it was in the last run: it was written anew"
            : follow ? "the file of the last run is neither here nor beside it: it was rotated, and compressed or removed"
            : "the last run sent another file";
    }

    private FilePart PartAt(long offset)
    {
        lock (_lock)
        {
            return _parts.FindLast(part => part.Start.Offset <= offset)!;
        }
    }

    /// <summary>True if a rotated file's writer has let go of it: for some time, or because the next file was rotated too.</summary>
    private bool IsLeft(FilePart part, long since) =>
        _timing.Time.GetElapsedTime(since) >= _timing.RotationGrace || RotatedFiles.Next(Name, part, IsKnown) is not null;

    /// <summary>Ends a file that was rotated.</summary>
    /// <returns>True if there is something more to read: the LF that it lacked, or the next file.</returns>
    private bool TryEnd(FilePart part, StreamMark position, long end) => TryAddLineFeed(part, position, end) || TryOpenNext(part, position, end);

    /// <returns>True if there is something more to read.</returns>
    private bool TryAddLineFeed(FilePart part, StreamMark position, long end)
    {
        if (end == position.Offset)
        {
            return false;
        }

        if (_terminate)
        {
            part.AddLineFeed(end - part.Start.Offset);
            return true;
        }

        AddProblem($"{part.Path}: the last line has no LF; it was not sent (--terminate adds it)");
        return false;
    }

    private bool IsAtPath(FilePart part)
    {
        try
        {
            // Opened, because the path may be a symbolic link.
            InputFile file = InputFile.Open(Name);
            using (file.Handle)
            {
                return FilePart.IdentityOf(file) == part.Identity;
            }
        }
        catch (IOException)
        {
            // The new file is not there yet. If this one was rotated before the last that was, there is more to read.
            return RotatedFiles.Next(Name, part, IsKnown) is null;
        }
    }

    private bool TryOpenNext(FilePart part, StreamMark position, long end)
    {
        if (OpenNext(part, position) is not { } next)
        {
            return false;
        }

        if (next.Name != Name)
        {
            _note($"{Name} was rotated more than once; {next.Name} comes next");
        }

        lock (_lock)
        {
            part.Seal(position.Offset - part.Start.Offset, end - part.Start.Offset);
            _parts.Add(new(next, position));
        }

        return true;
    }

    /// <summary>Opens the file that was written after a part. Null if it is not there, or not yet.</summary>
    private InputFile? OpenNext(FilePart part, StreamMark position)
    {
        string? rotated = RotatedFiles.Next(Name, part, IsKnown);
        while (true)
        {
            string path = rotated ?? Name;
            if (RotatedFiles.IsCompressed(path))
            {
                throw new StreamProblemException($"{path} comes next, after line {position.Lines} of the stream, and is compressed: unpack it beside {Name}");
            }

            InputFile? next = TryOpenUnknown(path);

            // The log may have been rotated since we looked: then it is another file that comes next, and not the new log.
            string? again = RotatedFiles.Next(Name, part, IsKnown);
            if (again == rotated)
            {
                return next;
            }

            next?.Handle.Dispose();
            rotated = again;
        }
    }

    private InputFile? TryOpenUnknown(string path)
    {
        InputFile file;
        try
        {
            file = InputFile.Open(path);
        }
        catch (IOException)
        {
            return null; // rotated again meanwhile
        }

        if (FilePart.IdentityOf(file) is not { } identity || IsKnown(identity) || !file.IsRereadable)
        {
            file.Handle.Dispose();
            return null;
        }

        return file;
    }

    private bool IsKnown(FileIdentity identity)
    {
        lock (_lock)
        {
            return _parts.Exists(part => part.Identity == identity);
        }
    }

    private void CheckLateBytes()
    {
        lock (_lock)
        {
            // Sealed ones only: the last may grow.
            if (_previous?.HasNewLateBytes() == true || _parts.SkipLast(1).Any(part => part.HasNewLateBytes()))
            {
                AddProblem($"{Name}: lines were written to the old file when the new one had followed; they were not sent");
            }
        }
    }

    private void AddProblem(string problem)
    {
        lock (_problems)
        {
            if (!_problems.Add(problem))
            {
                return; // a connection before this one came as far
            }
        }

        _note(problem);
    }
}
