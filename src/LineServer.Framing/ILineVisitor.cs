namespace LineServer.Framing;

/// <summary>
/// What <see cref="LineReader.ReadLines{TVisitor}"/> calls for each line. A struct, so that the call is inlined into the sweep over the
/// bytes: the fastest way through many short lines. Elsewhere <see langword="foreach"/> reads better. While the visitor has a line, nothing
/// may be asked of the reader: it does not know yet that the line is taken.
/// </summary>
public interface ILineVisitor
{
    /// <summary>Takes a line.</summary>
    /// <returns>False: this was the last one for now; the next call of the reader goes on behind it.</returns>
    bool OnLine(scoped Line line);
}
