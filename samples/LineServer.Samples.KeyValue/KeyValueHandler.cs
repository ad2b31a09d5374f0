using System.Buffers;
using System.Globalization;
using System.Text;
using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Samples.KeyValue;

/// <summary>
/// Handles one client's commands. A value may contain any bytes, including line ends, because it is read as a
/// payload of a given size.
/// </summary>
public sealed class KeyValueHandler(Store store) : LineHandler
{
    private const int LargestValue = 1_000_000;

    /// <inheritdoc/>
    public override ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
    {
        // Split the line first: reading a payload invalidates it.
        string[] words = Encoding.UTF8.GetString(line.Span).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        switch (words)
        {
            case ["get", string key]:
                Get(key, reply);
                return default;
            case ["set", string key, string size]
                when int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out int bytes) && bytes <= LargestValue:
                return SetAsync(key, bytes, reply);
            case ["quit"]:
                Connection.Close();
                return default;
            default:
                reply.WriteLine("ERROR expected \"get KEY\", \"set KEY BYTES\" or \"quit\"\r");
                return default;
        }
    }

    private void Get(string key, LineOutput reply)
    {
        if (store.Get(key) is not { } value)
        {
            reply.WriteLine("NONE\r");
            return;
        }

        reply.WriteLine($"VALUE {value.Length}\r");
        reply.Write(value);
        reply.WriteLine("\r");
    }

    private async ValueTask SetAsync(string key, int size, LineOutput reply)
    {
        ReadOnlySequence<byte> payload = await Connection.ReadPayloadAsync(size);
        byte[] value = payload.ToArray();
        ReadOnlySequence<byte> end = await Connection.ReadPayloadAsync(2);
        if (!end.ToArray().AsSpan().SequenceEqual("\r\n"u8))
        {
            // The client and the server disagree about the value's end, so everything after it would be
            // misread.
            reply.WriteLine("ERROR the value is longer than its size\r");
            Connection.Close();
            return;
        }

        store.Set(key, value);
        reply.WriteLine("STORED\r");
    }
}
