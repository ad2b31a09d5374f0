using System.Collections.Concurrent;

namespace LineServer.Samples.KeyValue;

/// <summary>Keys and their values, in memory. Shared by all connections.</summary>
public sealed class Store
{
    private readonly ConcurrentDictionary<string, byte[]> _values = new(StringComparer.Ordinal);

    /// <summary>The value of a key.</summary>
    public byte[]? Get(string key) => _values.GetValueOrDefault(key);

    /// <summary>Gives a key a value.</summary>
    public void Set(string key, byte[] value) => _values[key] = value;
}
