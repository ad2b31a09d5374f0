namespace LineServer.Hosting.Internal;

/// <summary>An item of <see cref="LinkedItems{T}"/>, which alone writes its links.</summary>
internal interface ILinkedItem<T>
    where T : class
{
    T? Next { get; set; }

    T? Previous { get; set; }
}

/// <summary>
/// A list whose links are in its items: adding and removing allocate nothing, and cannot fail. Its owner's lock
/// guards it.
/// </summary>
internal struct LinkedItems<T>
    where T : class, ILinkedItem<T>
{
    private T? _first;

    public int Count { get; private set; }

    public void Add(T item)
    {
        item.Next = _first;
        if (_first is not null)
        {
            _first.Previous = item;
        }

        _first = item;
        Count++;
    }

    public void Remove(T item)
    {
        if (item.Previous is null)
        {
            _first = item.Next;
        }
        else
        {
            item.Previous.Next = item.Next;
        }

        if (item.Next is not null)
        {
            item.Next.Previous = item.Previous;
        }

        item.Next = item.Previous = null;
        Count--;
    }

    public readonly T[] ToArray()
    {
        var all = new T[Count];
        int count = 0;
        foreach (T item in this)
        {
            all[count++] = item;
        }

        return all;
    }

    public readonly Enumerator GetEnumerator() => new(_first);

    public struct Enumerator(T? first)
    {
        private T? _next = first;

        public T Current { get; private set; } = null!;

        public bool MoveNext()
        {
            if (_next is null)
            {
                return false;
            }

            Current = _next;
            _next = _next.Next;
            return true;
        }
    }
}
