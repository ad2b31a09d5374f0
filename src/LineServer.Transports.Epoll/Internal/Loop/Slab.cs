namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// Maps the data of an epoll event to its source. Slots and descriptors are reused; the generation tells a
/// late edge of the previous source from an edge of the current one.
/// </summary>
/// <remarks>Any thread adds and removes; only the loop looks up.</remarks>
internal sealed class Slab
{
    private readonly Lock _gate = new();
    private Slot[] _slots = new Slot[64];
    private int _used; // slots that were ever used
    private int _count; // sources in the slab
    private int _firstFree = -1;

    /// <summary>True if no source is in the slab.</summary>
    public bool IsEmpty => Volatile.Read(ref _count) == 0;

    /// <summary>The number of slots that were ever used, and so the bound for <see cref="At"/>.</summary>
    public int Length => Volatile.Read(ref _used);

    /// <summary>Takes a slot. Its generation and index form the data for <see cref="Find"/>.</summary>
    /// <exception cref="OutOfMemoryException">The slab is unchanged.</exception>
    public int Add(IEventSource source, out ulong data)
    {
        lock (_gate)
        {
            int index = _firstFree;
            if (index >= 0)
            {
                _firstFree = _slots[index].NextFree;
            }
            else
            {
                if (_used == _slots.Length)
                {
                    // The loop may still read the old array. Only removals would change it, and the loop may
                    // miss those.
                    var larger = new Slot[_used * 2];
                    _slots.CopyTo(larger, 0);
                    Volatile.Write(ref _slots, larger);
                }

                index = _used++;
            }

            _count++;
            _slots[index].Source = source;
            data = ((ulong)_slots[index].Generation << 32) | (uint)index;
            return index;
        }
    }

    /// <summary>Frees a slot. Its data no longer finds a source.</summary>
    public void Remove(int slot)
    {
        lock (_gate)
        {
            _count--;
            _slots[slot].Source = null;
            _slots[slot].Generation++;
            _slots[slot].NextFree = _firstFree;
            _firstFree = slot;
        }
    }

    /// <summary>The source of an event; null if it has ended in the meantime.</summary>
    public IEventSource? Find(ulong data)
    {
        ref Slot slot = ref Volatile.Read(ref _slots)[(uint)data];
        return slot.Generation == (uint)(data >> 32) ? slot.Source : null;
    }

    /// <summary>The source in a slot; null if it is free.</summary>
    public IEventSource? At(int slot)
    {
        lock (_gate)
        {
            return _slots[slot].Source;
        }
    }

    private struct Slot
    {
        public IEventSource? Source;
        public uint Generation;
        public int NextFree;
    }
}
