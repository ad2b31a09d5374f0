using System.Globalization;
using System.Text;

namespace LineServer.Client.Streams;

/// <summary>
/// What the last run of a stream knew. It is an aid: it notices that the server has lost lines, explains why a file is not
/// the stream's, and finds a rotated file again. Without it the checksum still guards the stream.
/// </summary>
internal sealed record StreamState
{
    private const string FirstLine = "lineclient stream 1";

    /// <summary>The id of the store that acknowledged; null if none has.</summary>
    public string? StoreId { get; init; }

    /// <summary>The number of lines that the store has acknowledged.</summary>
    public long Acknowledged { get; init; }

    /// <summary>The files whose lines were sent last, in the stream's order.</summary>
    public IReadOnlyList<FileRecord> Files { get; init; } = [];

    /// <exception cref="FormatException">The text is none of <see cref="ToText"/>.</exception>
    public static StreamState Parse(string text)
    {
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines is not [FirstLine, .., "end"])
        {
            throw new FormatException("it is not whole");
        }

        var state = new StreamState();
        foreach (string line in lines[1..^1])
        {
            string value = line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..];
            state = line.Split(' ')[0] switch
            {
                "store" => state with { StoreId = value },
                "acknowledged" => state with { Acknowledged = long.Parse(value, NumberStyles.None, CultureInfo.InvariantCulture) },
                "file" => state with { Files = [.. state.Files, FileRecord.Parse(value)] },
                _ => state, // for people: the address and the stream
            };
        }

        return state;
    }

    /// <summary>The text of the state file.</summary>
    public string ToText(string address, string stream)
    {
        var text = new StringBuilder().Append(FirstLine).Append('\n');
        text.Append("address ").Append(address).Append('\n').Append("stream ").Append(stream).Append('\n');
        if (StoreId is not null)
        {
            text.Append("store ").Append(StoreId).Append('\n');
        }

        text.Append("acknowledged ").Append(Acknowledged).Append('\n');
        foreach (FileRecord file in Files)
        {
            text.Append("file ").Append(file.ToText()).Append('\n');
        }

        return text.Append("end\n").ToString();
    }
}
