namespace LineServer.Framing;

/// <summary>
/// The callback of <see cref="LineReader.ReadLines{TVisitor}"/>, called for each line. It is a struct so that
/// the JIT inlines the call into the sweep over the bytes: the fastest way through many short lines.
/// Elsewhere, prefer <see langword="foreach"/>. Do not call the reader from <see cref="OnLine"/>: it does not
/// yet count the line as taken.
/// </summary>
public interface ILineVisitor
{
    /// <summary>Takes a line.</summary>
    /// <returns>False to stop here; the reader continues after this line on the next call.</returns>
    bool OnLine(scoped Line line);
}
