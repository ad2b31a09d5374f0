namespace LineServer.Storage.Tests.Disk;

/// <summary>A directory: what the process sees, what the disk holds, and the changes in between.</summary>
internal sealed class SimulatedDirectory
{
    private readonly List<Action<Dictionary<string, object>>> _changes = [];
    private Dictionary<string, object> _durable = new(StringComparer.Ordinal);

    /// <summary>Names, and the files and directories behind them.</summary>
    public Dictionary<string, object> Entries { get; private set; } = new(StringComparer.Ordinal);

    /// <summary>Changes the directory now, and on the disk with its next sync, or by chance before.</summary>
    public void Change(Action<Dictionary<string, object>> change)
    {
        change(Entries);
        _changes.Add(change);
    }

    public void Sync()
    {
        _changes.ForEach(change => change(_durable));
        _changes.Clear();
    }

    /// <summary>The machine ends: any prefix of the changes, or any subset, may have reached the disk.</summary>
    public void Crash(Random random)
    {
        bool isPrefix = random.Next(2) == 0;
        int prefix = random.Next(_changes.Count + 1);
        for (int i = 0; i < _changes.Count; i++)
        {
            if (isPrefix ? i < prefix : random.Next(2) == 0)
            {
                _changes[i](_durable);
            }
        }

        _changes.Clear();
        Entries = new Dictionary<string, object>(_durable, StringComparer.Ordinal);
        _durable = new Dictionary<string, object>(_durable, StringComparer.Ordinal);
        foreach (object entry in Entries.Values)
        {
            if (entry is SimulatedDirectory directory)
            {
                directory.Crash(random);
            }
            else
            {
                ((SimulatedFile)entry).Crash(random);
            }
        }
    }
}
