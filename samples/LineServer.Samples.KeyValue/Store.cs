using System.Collections.Concurrent;

namespace LineServer.Samples.KeyValue;

/// <summary>Keys and their values, in memory. All connections share it.</summary>
public sealed class Store
{
    private readonly ConcurrentDictionary<string, byte[]> _values = new(StringComparer.Ordinal);

    /// <summary>Returns the value of a key; null if there is none.</summary>
    public byte[]? Get(string key) => _values.GetValueOrDefault(key);

    /// <summary>Sets the value of a key.</summary>
    public void Set(string key, byte[] value) => _values[key] = value;
}
