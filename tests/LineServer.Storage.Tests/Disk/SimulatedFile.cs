namespace LineServer.Storage.Tests.Disk;

/// <summary>The content of a file: what the page cache shows, and what the disk holds.</summary>
internal sealed class SimulatedFile
{
    public const int SectorSize = 512;

    private readonly HashSet<int> _dirty = [];
    private readonly HashSet<int> _allocated = [];
    private readonly HashSet<int> _unwritten = [];
    private byte[] _cached = [];
    private byte[] _durable = [];
    private int _durableLength;

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Cached => _cached.AsSpan(0, Length);

    public DateTimeOffset WrittenAt { get; set; }

    public void Write(ReadOnlySpan<byte> bytes, int offset)
    {
        Grow(offset + bytes.Length);
        bytes.CopyTo(_cached.AsSpan(offset));
        for (int sector = offset / SectorSize; sector * SectorSize < offset + bytes.Length; sector++)
        {
            _dirty.Add(sector);
        }
    }

    public void SetLength(int length)
    {
        if (length < Length)
        {
            _cached.AsSpan(length, Length - length).Clear();
            // The sectors that were cut are gone when the new length is durable.
            for (int sector = length / SectorSize; sector * SectorSize < Length; sector++)
            {
                _dirty.Add(sector);
            }

            Length = length;
            _allocated.RemoveWhere(sector => sector * SectorSize >= length);
            _unwritten.RemoveWhere(sector => sector * SectorSize >= length);
        }
        else
        {
            Grow(length);
        }
    }

    public void Sync()
    {
        foreach (int sector in _dirty)
        {
            Keep(sector);
        }

        _dirty.Clear();
        _durableLength = Length;
    }

    /// <summary>
    /// The sync fails: some sectors were written, and all count as clean from now on. As on ext4, those that were never on
    /// the disk stay marked as unwritten there, and no later sync changes that: only cutting them off does.
    /// </summary>
    public void FailSync(Random random)
    {
        foreach (int sector in _dirty)
        {
            if (random.Next(2) == 0)
            {
                Keep(sector);
            }
            else if (sector * SectorSize < Length && !_allocated.Contains(sector))
            {
                _unwritten.Add(sector);
            }
        }

        _dirty.Clear();
    }

    /// <summary>The machine ends: any of the sectors that were not synced may have reached the disk.</summary>
    public void Crash(Random random)
    {
        int kept = random.Next(4) switch { 0 => 0, 1 => 100, _ => random.Next(100) };
        foreach (int sector in _dirty)
        {
            if (random.Next(100) < kept)
            {
                Keep(sector);
            }
        }

        _dirty.Clear();
        _unwritten.Clear();
        int length = random.Next(3) switch
        {
            0 => _durableLength,
            1 => Length,
            _ => random.Next(Math.Min(_durableLength, Length), Math.Max(_durableLength, Length) + 1),
        };
        _cached = new byte[Math.Max(length, 1)];
        _durable.AsSpan(0, Math.Min(length, _durable.Length)).CopyTo(_cached);
        _durable = [.. _cached];
        Length = _durableLength = length;
    }

    public void Flip(int offset)
    {
        _cached[offset] ^= 1;
        _durable[offset] ^= 1;
    }

    private void Keep(int sector)
    {
        if (_unwritten.Contains(sector))
        {
            return;
        }

        _allocated.Add(sector);
        int start = sector * SectorSize;
        int end = Math.Min(start + SectorSize, _cached.Length);
        if (_durable.Length < _cached.Length)
        {
            Array.Resize(ref _durable, _cached.Length);
        }

        if (start < end)
        {
            _cached.AsSpan(start, end - start).CopyTo(_durable.AsSpan(start));
        }
    }

    private void Grow(int length)
    {
        if (length > _cached.Length)
        {
            Array.Resize(ref _cached, Math.Max(length, _cached.Length * 2));
        }

        Length = Math.Max(Length, length);
    }
}
