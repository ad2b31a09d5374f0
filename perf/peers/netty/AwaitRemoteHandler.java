import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.util.concurrent.Future;

/** Sends the text of each line to Redis, and replies with what Redis sends back. */
final class AwaitRemoteHandler extends AwaitHandler {
    private final RedisClient redis;

    AwaitRemoteHandler(RedisClient redis, int concurrency) {
        super(concurrency);
        this.redis = redis;
    }

    @Override
    protected void begin(ChannelHandlerContext context, ByteBuf line) {
        ByteBuf text = line.writerIndex(line.writerIndex() - 1);
        redis.echo(text).addListener((Future<ByteBuf> echo) -> {
            if (!echo.isSuccess()) {
                context.close();
                return;
            }

            ByteBuf returned = echo.getNow();
            ByteBuf reply = context.alloc().buffer(returned.readableBytes() + 1);
            reply(context, reply.writeBytes(returned).writeByte('\n'));
            returned.release();
        });
    }
}
