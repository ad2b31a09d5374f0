namespace LineServer.Transports.Epoll.Internal;

/// <summary>
/// From the data in an epoll event to its item. A slot is used again, a descriptor too; the generation tells an edge that was under way for
/// the former one from an edge of the present one.
/// </summary>
/// <remarks>Any thread adds and removes; one reads.</remarks>
internal sealed class SlotTable
{
    private readonly Lock _gate = new();
    private Slot[] _slots = new Slot[64];
    private int _used; // slots that were ever taken
    private int _firstFree = -1;

    /// <summary>Takes a slot; the data, generation and slot, is what <see cref="Find"/> takes.</summary>
    public int Add(ILoopItem item, out ulong data)
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
                index = _used++;
                if (index == _slots.Length)
                {
                    // The reader may still look at the old one: nothing of it is changed any more but by a removal, which it would not mind to miss.
                    Slot[] larger = new Slot[index * 2];
                    _slots.CopyTo(larger, 0);
                    Volatile.Write(ref _slots, larger);
                }
            }

            _slots[index].Item = item;
            data = ((ulong)_slots[index].Generation << 32) | (uint)index;
            return index;
        }
    }

    /// <summary>Frees a slot; from now on its data finds nobody.</summary>
    public void Remove(int slot)
    {
        lock (_gate)
        {
            _slots[slot].Item = null;
            _slots[slot].Generation++;
            _slots[slot].NextFree = _firstFree;
            _firstFree = slot;
        }
    }

    /// <summary>The item of an event; null if it has ended meanwhile.</summary>
    public ILoopItem? Find(ulong data)
    {
        ref Slot slot = ref Volatile.Read(ref _slots)[(uint)data];
        return slot.Generation == (uint)(data >> 32) ? slot.Item : null;
    }

    /// <summary>All items of this moment.</summary>
    public ILoopItem[] Items()
    {
        lock (_gate)
        {
            return [.. _slots.Where(slot => slot.Item is not null).Select(slot => slot.Item!)];
        }
    }

    private struct Slot
    {
        public ILoopItem? Item;
        public uint Generation;
        public int NextFree;
    }
}
