using System.Net.Sockets;
using System.Text;

namespace LineServer.Peers.StreamReaders;

/// <summary>Echoes lines as strings: read one, write one, flush. Or drops them. The last line is one also without its LF.</summary>
internal static class LineEcho
{
    public static async Task ServeAsync(TcpClient client, bool discards)
    {
        try
        {
            using (client)
            {
                // Latin-1, so that each byte is a character and comes back as itself.
                NetworkStream stream = client.GetStream();
                using var reader = new StreamReader(stream, Encoding.Latin1);
                await using var writer = new StreamWriter(stream, Encoding.Latin1) { NewLine = "\n" };
                while (await reader.ReadLineAsync() is { } line)
                {
                    if (!discards)
                    {
                        await writer.WriteLineAsync(line);
                        await writer.FlushAsync();
                    }
                }
            }
        }
        catch (IOException)
        {
            // The peer is gone.
        }
    }
}
