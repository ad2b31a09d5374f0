import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * Lines that wait before their replies, up to a number of lines of a connection at once. Replies are flushed when
 * no further line is pending.
 */
abstract class AwaitHandler extends ChannelInboundHandlerAdapter {
    private final int concurrency;
    private final Queue<ByteBuf> waiting = new ArrayDeque<>();
    private int pending;

    protected AwaitHandler(int concurrency) {
        this.concurrency = concurrency;
    }

    /** Begins with a line, and owns it. {@link #reply} follows on the event loop, in the order of lines. */
    protected abstract void begin(ChannelHandlerContext context, ByteBuf line);

    protected final void reply(ChannelHandlerContext context, ByteBuf reply) {
        pending--;
        context.write(reply, context.voidPromise());
        beginWaiting(context);
        if (pending == 0) {
            context.flush();
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object line) {
        waiting.add((ByteBuf) line);
        beginWaiting(context);
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext context) {
        setAutoRead(context);
        context.fireChannelWritabilityChanged();
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        waiting.forEach(ByteBuf::release);
        waiting.clear();
        context.fireChannelInactive();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        context.close();
    }

    private void beginWaiting(ChannelHandlerContext context) {
        while (pending < concurrency && !waiting.isEmpty()) {
            pending++;
            begin(context, waiting.remove());
        }

        setAutoRead(context);
    }

    // Nothing is read while lines are waiting, or while the peer does not take its replies.
    private void setAutoRead(ChannelHandlerContext context) {
        context.channel().config().setAutoRead(waiting.isEmpty() && context.channel().isWritable());
    }
}
