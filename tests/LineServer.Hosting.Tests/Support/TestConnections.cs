using System.Text;
using LineServer.Hosting.Testing;

namespace LineServer.Hosting.Tests.Support;

internal static class TestConnections
{
    /// <summary>
    /// Reads one line at a time, like a client with a small buffer. A client that waits for all lines at once
    /// would never get them.
    /// </summary>
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
