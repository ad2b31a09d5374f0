import static io.netty.handler.flush.FlushConsolidationHandler.DEFAULT_EXPLICIT_FLUSH_AFTER_FLUSHES;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoop;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.redis.ArrayRedisMessage;
import io.netty.handler.codec.redis.ErrorRedisMessage;
import io.netty.handler.codec.redis.FullBulkStringRedisMessage;
import io.netty.handler.codec.redis.RedisArrayAggregator;
import io.netty.handler.codec.redis.RedisBulkStringAggregator;
import io.netty.handler.codec.redis.RedisDecoder;
import io.netty.handler.codec.redis.RedisEncoder;
import io.netty.handler.codec.redis.RedisMessage;
import io.netty.handler.flush.FlushConsolidationHandler;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;

/**
 * A connection to Redis on an event loop, with the pipeline of Netty's example. The clients' connections of that
 * loop share it: commands are pipelined, and Redis replies in their order.
 */
final class RedisClient extends SimpleChannelInboundHandler<RedisMessage> {
    private static final ByteBuf ECHO =
        Unpooled.unreleasableBuffer(Unpooled.copiedBuffer("ECHO", StandardCharsets.US_ASCII));

    private final Queue<Promise<ByteBuf>> pending = new ArrayDeque<>();
    private Channel channel;

    static RedisClient connect(EventLoop loop, int port) throws InterruptedException {
        var client = new RedisClient();
        client.channel = new Bootstrap()
            .group(loop)
            .channel(NioSocketChannel.class)
            .option(ChannelOption.TCP_NODELAY, true)
            .handler(new ChannelInitializer<SocketChannel>() {
                @Override
                protected void initChannel(SocketChannel channel) {
                    // Commands that are sent one after the other leave together, also outside of a read of this channel.
                    channel.pipeline().addLast(
                        new FlushConsolidationHandler(DEFAULT_EXPLICIT_FLUSH_AFTER_FLUSHES, true),
                        new RedisDecoder(), new RedisBulkStringAggregator(), new RedisArrayAggregator(),
                        new RedisEncoder(), client);
                }
            })
            .connect("127.0.0.1", port).sync()
            .channel();
        return client;
    }

    /** To be called on the event loop. The text is released, and the caller releases what comes back. */
    Future<ByteBuf> echo(ByteBuf text) {
        Promise<ByteBuf> echo = channel.eventLoop().newPromise();
        if (!channel.isActive()) {
            text.release();
            return echo.setFailure(new IOException("Redis is gone"));
        }

        pending.add(echo);
        var command = List.<RedisMessage>of(
            new FullBulkStringRedisMessage(ECHO.duplicate()), new FullBulkStringRedisMessage(text));
        channel.writeAndFlush(new ArrayRedisMessage(command), channel.voidPromise());
        return echo;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext context, RedisMessage message) {
        Promise<ByteBuf> echo = pending.remove();
        if (message instanceof FullBulkStringRedisMessage text) {
            echo.setSuccess(text.content().retain());
        } else if (message instanceof ErrorRedisMessage error) {
            echo.setFailure(new IOException(error.content()));
        } else {
            echo.setFailure(new IOException("an unexpected reply: " + message));
        }
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        pending.forEach(echo -> echo.setFailure(new IOException("Redis is gone")));
        pending.clear();
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        cause.printStackTrace();
        context.close();
    }
}
