import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;

/** Lets the event loop's other tasks run before each reply. */
final class AwaitYieldHandler extends AwaitHandler {
    AwaitYieldHandler() {
        super(1);
    }

    @Override
    protected void begin(ChannelHandlerContext context, ByteBuf line) {
        context.executor().execute(() -> reply(context, line));
    }
}
