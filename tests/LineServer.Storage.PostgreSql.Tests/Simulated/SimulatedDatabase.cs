using System.Text;
using LineServer.Framing;
using LineServer.Storage.PostgreSql.Internal;

namespace LineServer.Storage.PostgreSql.Tests.Simulated;

/// <summary>
/// A database that several servers use. A call takes place at some time after it was made, or never, and its answer comes at
/// some time after that, or never. What took place stays.
/// </summary>
internal sealed class SimulatedDatabase(EngineSabotage sabotage)
{
    private readonly List<Stream> _streams = [];

    public string TextOf(string name) => Find(name)?.Text.ToString() ?? "";

    public long CountOf(string name) => Find(name)?.Count ?? 0;

    public IReadOnlyList<AttachAnswer> Attach(IReadOnlyList<AttachRequest> requests) => [.. requests.Select(request =>
    {
        if (Find(request.Stream) is not { } stream)
        {
            _streams.Add(stream = new Stream(_streams.Count + 1, request.Stream, request.IsShared));
        }
        else if (stream.IsShared != request.IsShared)
        {
            return new AttachAnswer(null, StoreRefusal.InUse, "in use");
        }
        else if (sabotage != EngineSabotage.NoFence)
        {
            stream.Attachment++;
        }

        return new AttachAnswer(stream.Position);
    })];

    public IReadOnlyList<StreamPosition?> Reattach(IReadOnlyList<StreamPosition> positions) => [.. positions.Select(position =>
    {
        Stream stream = _streams[(int)position.Id - 1];
        if (stream.Attachment != position.Attachment)
        {
            return null;
        }

        stream.Attachment += sabotage == EngineSabotage.ReattachesWithoutFence ? 0 : 1;
        return stream.Position;
    })];

    public IReadOnlyList<AppendAnswer> Append(IReadOnlyList<Piece> pieces) => [.. pieces.Select(piece =>
    {
        Stream stream = _streams[(int)piece.Stream - 1];
        if (stream.Attachment != piece.Attachment)
        {
            return AppendAnswer.Superseded;
        }

        if (stream.Count != piece.First - 1 && sabotage != EngineSabotage.RetriesAndCountNotCompared)
        {
            return AppendAnswer.Gap;
        }

        stream.Count = piece.First + piece.Lines - 1;
        stream.Crc = piece.Crc;
        stream.Text.Append(Encoding.Latin1.GetString(piece.Text.Span));
        return AppendAnswer.Stored;
    })];

    /// <summary>The streams as they are now, whoever has them: what a stale read would tell.</summary>
    public IReadOnlyList<StreamPosition?> Peek(IEnumerable<string> names) => [.. names.Select(name => Find(name)?.Position)];

    public IReadOnlyList<StreamPosition?> Peek(IEnumerable<long> ids) => [.. ids.Select(id => _streams[(int)id - 1].Position)];

    /// <summary>Throws if a stream's count and checksum are not those of its lines.</summary>
    public void Check()
    {
        foreach (Stream stream in _streams)
        {
            byte[] text = Encoding.Latin1.GetBytes(stream.Text.ToString());
            Assert.Equal(text.Count(b => b == (byte)'\n'), stream.Count);
            Assert.Equal(Crc32C.Of(text), stream.Crc);
        }
    }

    private Stream? Find(string name) => _streams.Find(stream => stream.Name == name);

    private sealed class Stream(long id, string name, bool isShared)
    {
        public string Name => name;

        public bool IsShared => isShared;

        public long Attachment { get; set; } = 1;

        public long Count { get; set; }

        public uint Crc { get; set; }

        public StringBuilder Text { get; } = new();

        public StreamPosition Position => new(id, Attachment, Count, Crc, 1);
    }
}
