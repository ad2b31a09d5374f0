import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.LineBasedFrameDecoder;

/**
 * A line echo server as Netty has it: event loops over NIO, a decoder that gives one line at a time, a write for each, one flush after each read.
 * The JVM raises the limit of descriptors.
 */
public final class EchoServer {
    private static final int BACKLOG = 4096;
    private static final int LINE_MAX_SIZE = 64 * 1024;

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
        boolean discards = arguments.length == 4 && arguments[2].equals("--handler") && arguments[3].equals("discard");
        boolean echoes = arguments.length == 2 || (arguments.length == 4 && arguments[2].equals("--handler") && arguments[3].equals("echo"));
        if (!(echoes || discards) || !arguments[0].equals("--port")) {
            System.err.println("usage: netty --port N [--handler echo|discard]");
            System.exit(2);
        }

        var acceptors = new NioEventLoopGroup(1);
        var workers = new NioEventLoopGroup();
        new ServerBootstrap()
            .group(acceptors, workers)
            .channel(NioServerSocketChannel.class)
            .option(ChannelOption.SO_BACKLOG, BACKLOG)
            .childOption(ChannelOption.TCP_NODELAY, true)
            .childHandler(new ChannelInitializer<SocketChannel>() {
                @Override
                protected void initChannel(SocketChannel channel) {
                    // The LF stays at the line: it goes back as it is, without a copy.
                    channel.pipeline().addLast(new LineBasedFrameDecoder(LINE_MAX_SIZE, false, true), discards ? new DiscardHandler() : new EchoHandler());
                }
            })
            .bind("127.0.0.1", Integer.parseInt(arguments[1])).sync()
            .channel().closeFuture().sync();
    }
}
