using System.Collections.Concurrent;
using System.Text;
using LineServer.Hosting;

namespace LineServer.Samples.Chat;

/// <summary>Who is here. Shared by all connections.</summary>
public sealed class ChatRoom
{
    private readonly ConcurrentDictionary<string, LineConnection> _members = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>False: somebody has the name.</summary>
    public bool TryEnter(string name, LineConnection connection)
    {
        if (!_members.TryAdd(name, connection))
        {
            return false;
        }

        Tell($"* {name} is here", except: name);
        return true;
    }

    /// <summary>The name is free again.</summary>
    public void Leave(string name)
    {
        if (_members.TryRemove(name, out _))
        {
            Tell($"* {name} has left", except: name);
        }
    }

    /// <summary>Goes to everybody but one. A push never waits: who does not read misses lines, and delays nobody.</summary>
    public void Tell(string text, string except)
    {
        byte[] line = Encoding.UTF8.GetBytes(text);
        foreach ((string name, LineConnection connection) in _members)
        {
            if (!name.Equals(except, StringComparison.OrdinalIgnoreCase))
            {
                connection.TryPush(line);
            }
        }
    }
}
