import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoop;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.LineBasedFrameDecoder;
import io.netty.util.NettyRuntime;
import io.netty.util.concurrent.DefaultEventExecutorGroup;
import io.netty.util.concurrent.EventExecutor;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A line echo server as Netty has it: event loops over NIO, a decoder that gives one line at a time, a write for
 * each, one flush after each read. The JVM raises the limit of descriptors.
 */
public final class EchoServer {
    private static final int BACKLOG = 4096;
    private static final int LINE_MAX_SIZE = 64 * 1024;
    private static final List<String> HANDLERS =
        List.of("echo", "discard", "await-yield", "await-task", "await-remote");

    private static final class EchoHandler extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext context, Object line) {
            context.write(line, context.voidPromise());
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext context) {
            context.flush();
        }

        @Override
        public void channelWritabilityChanged(ChannelHandlerContext context) {
            // A peer that does not take its replies is not read from.
            context.channel().config().setAutoRead(context.channel().isWritable());
            context.fireChannelWritabilityChanged();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            context.close();
        }
    }

    private static final class DiscardHandler extends SimpleChannelInboundHandler<ByteBuf> {
        @Override
        protected void channelRead0(ChannelHandlerContext context, ByteBuf line) {
            // The base class releases it.
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            context.close();
        }
    }

    public static void main(String[] arguments) throws InterruptedException {
        var options = new HashMap<>(Map.of("--handler", "echo", "--redis", "6379", "--concurrency", "1"));
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            options.put(arguments[i], arguments[i + 1]);
        }

        String name = options.get("--handler");
        if (arguments.length % 2 != 0 || !options.containsKey("--port") || !HANDLERS.contains(name)) {
            System.err.println(
                "usage: netty --port N [--handler " + String.join("|", HANDLERS) + "] [--redis PORT] [--concurrency N]");
            System.exit(2);
        }

        var acceptors = new NioEventLoopGroup(1);
        var workers = new NioEventLoopGroup();
        var executors = new DefaultEventExecutorGroup(2 * NettyRuntime.availableProcessors());
        var redis = new HashMap<EventExecutor, RedisClient>();
        if (name.equals("await-remote")) {
            for (EventExecutor loop : workers) {
                int port = Integer.parseInt(options.get("--redis"));
                redis.put(loop, RedisClient.connect((EventLoop) loop, port));
            }
        }

        int concurrency = Integer.parseInt(options.get("--concurrency"));
        new ServerBootstrap()
            .group(acceptors, workers)
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childHandler(new ChannelInitializer<SocketChannel>() {
                @Override
                protected void initChannel(SocketChannel channel) {
                    // The LF stays at the line: it goes back as it is, without a copy.
                    ChannelPipeline pipeline = channel.pipeline();
                    pipeline.addLast(new LineBasedFrameDecoder(LINE_MAX_SIZE, false, true));
                    switch (name) {
                        case "discard" -> pipeline.addLast(new DiscardHandler());
                        case "await-yield" -> pipeline.addLast(new AwaitYieldHandler());
                        // Lines go through the queue of another executor, and replies back through the loop's.
                        case "await-task" -> pipeline.addLast(executors, new EchoHandler());
                        case "await-remote" ->
                            pipeline.addLast(new AwaitRemoteHandler(redis.get(channel.eventLoop()), concurrency));
                        default -> pipeline.addLast(new EchoHandler());
                    }
                }
            })
            .bind("127.0.0.1", Integer.parseInt(options.get("--port"))).sync()
            .channel().closeFuture().sync();
    }
}
