using LineServer.Framing;

namespace LineServer.Hosting;

/// <summary>
/// The shortest shape of a handler: a line comes in, a reply is staged. It must not block, and cannot flush: the replies of all lines of a
/// read leave in one send.
/// </summary>
/// <param name="line">The line, where it lies in the buffer that was read; valid until the delegate returns.</param>
/// <param name="reply">Where to stage replies; none, one or several.</param>
public delegate void LineDelegate(in Line line, LineOutput reply);
