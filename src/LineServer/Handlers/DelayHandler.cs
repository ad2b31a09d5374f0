using System.Buffers.Text;
using LineServer.Framing;
using LineServer.Hosting;

namespace LineServer.Handlers;

/// <summary>
/// Answers <c>&lt;milliseconds&gt; &lt;text&gt;</c> with the text after that time. A waiting connection costs
/// a timer, not a thread.
/// </summary>
internal sealed class DelayHandler(TimeProvider time) : LineHandler
{
    private static readonly int LongestMs = (int)TimeSpan.FromDays(1).TotalMilliseconds;

    public override bool NeverBlocks => true;

    public override async ValueTask OnLineAsync(LineMemory line, LineOutput reply, CancellationToken cancellationToken)
    {
        if (!TryParse(line.Span, out int milliseconds, out int textStart))
        {
            reply.WriteLine($"error: expected \"<milliseconds> <text>\", with at most {LongestMs} milliseconds");
            return;
        }

        if (line.Span.Contains(reply.Delimiter))
        {
            // Only a counted message can hold one.
            reply.WriteLine("error: the text holds a line feed, so it is no line");
            return;
        }

        await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), time, cancellationToken);
        reply.WriteLine(line.Span[textStart..]);
    }

    private static bool TryParse(ReadOnlySpan<byte> line, out int milliseconds, out int textStart)
    {
        bool parsed = Utf8Parser.TryParse(line, out milliseconds, out int digits) && milliseconds >= 0 && milliseconds <= LongestMs;
        textStart = digits + 1;
        return parsed && digits < line.Length && line[digits] == (byte)' ';
    }
}
