using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace LineServer.Transports.Epoll.Internal;

/// <summary>The client side: connect(2) does not block, and an edge reports when it has completed.</summary>
internal sealed partial class SocketConnection<TCalls>
{
    /// <exception cref="SocketException">
    /// The connection could not be made; its resources are released.
    /// </exception>
    public async Task ConnectAsync(SocketAddress address, CancellationToken cancellationToken)
    {
        var connecting = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Rare.Connecting = connecting;
        int error = BeginConnect(address);
        if (error != 0)
        {
            _ = Libc.Close(Descriptor);
            throw new SocketException((int)SocketErrors.FromErrno((Errno)(-error)));
        }

        // Register only now: a socket that is not yet connecting would report a hang-up at once.
        error = Start();
        if (error != 0)
        {
            throw new SocketException((int)SocketErrors.FromErrno((Errno)(-error)));
        }

        try
        {
            await connecting.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Abort();
            await DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private unsafe int BeginConnect(SocketAddress address)
    {
        fixed (byte* bytes = address.Buffer.Span)
        {
            int error = Libc.Connect(Descriptor, bytes, address.Size) == 0 ? 0 : Marshal.GetLastSystemError();
            return error == (int)Errno.EINPROGRESS ? 0 : -error;
        }
    }

    private unsafe void OnConnected(TaskCompletionSource connecting, uint events)
    {
        Rare.Connecting = null;
        int error = 0;
        int length = sizeof(int);
        Use use = Enter();
        if (use == Use.None)
        {
            connecting.TrySetException(new SocketException((int)SocketError.OperationAborted));
            return;
        }

        _ = Libc.GetSocketOption(Descriptor, Libc.LevelSocket, Libc.OptionError, &error, &length);
        Exit(use);
        if (error == 0)
        {
            // Bytes and the peer's FIN may share the edge that reports the connection.
            bool isHangUp = IsHangUp(events);
            _reader.NoteEdge(isHangUp);
            if (isHangUp)
            {
                OnPeerEnded();
            }

            connecting.TrySetResult();
        }
        else
        {
            connecting.TrySetException(new SocketException((int)SocketErrors.FromErrno((Errno)error)));
        }
    }
}
