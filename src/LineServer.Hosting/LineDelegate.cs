using LineServer.Framing;

namespace LineServer.Hosting;

/// <summary>
/// The simplest handler: it gets a line and stages replies. It must not block, and it cannot flush: the
/// replies to all lines of a read leave in one send.
/// </summary>
/// <param name="line">The line, in the buffer that was read. Valid until the delegate returns.</param>
/// <param name="reply">The output for any number of replies.</param>
public delegate void LineDelegate(in Line line, LineOutput reply);
