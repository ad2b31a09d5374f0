using System.Net.Sockets;

namespace LineServer.Peers.Threads;

/// <summary>Echoes lines with blocking calls: all lines of a read, then one write. Or takes them in the same way, and drops them.</summary>
internal static class LineEcho
{
    private const int BufferSize = 4 * 1024;
    private const int MaxLineSize = 64 * 1024;

    public static void Serve(TcpClient client, bool discards)
    {
        try
        {
            using (client)
            using (NetworkStream stream = client.GetStream())
            {
                TakeLines(stream, discards);
            }
        }
        catch (IOException)
        {
            // The peer is gone.
        }
    }

    private static void TakeLines(NetworkStream stream, bool discards)
    {
        using Stream output = discards ? Stream.Null : new BufferedStream(stream, BufferSize);
        byte[] buffer = new byte[BufferSize];
        int size = 0;
        while (stream.Read(buffer, size, buffer.Length - size) is > 0 and int read)
        {
            // The bytes before these are the beginning of a line, and are known to hold no LF.
            int start = 0;
            int searched = size;
            size += read;
            while (buffer.AsSpan(searched, size - searched).IndexOf((byte)'\n') is >= 0 and int length)
            {
                searched += length + 1;
                output.Write(buffer, start, searched - start);
                start = searched;
            }

            output.Flush();
            Buffer.BlockCopy(buffer, start, buffer, 0, size - start);
            size -= start;
            if (size == buffer.Length)
            {
                if (size > MaxLineSize)
                {
                    return;
                }

                Array.Resize(ref buffer, size * 2);
            }
        }
    }
}
