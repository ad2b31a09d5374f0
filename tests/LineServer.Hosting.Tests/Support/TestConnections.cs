using System.Text;
using LineServer.Hosting.Testing;

namespace LineServer.Hosting.Tests.Support;

internal static class TestConnections
{
    /// <summary>Reads a line at a time, as a client with a small buffer does: one that waits for all at once would never be sent it.</summary>
    public static async Task<string> ReadLinesAsync(this LineTestConnection client)
    {
        var text = new StringBuilder();
        while (await client.ReadLineAsync() is { } line)
        {
            text.Append(line).Append('\n');
        }

        return text.ToString();
    }
}
