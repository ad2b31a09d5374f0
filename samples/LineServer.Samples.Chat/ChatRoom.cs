using System.Collections.Concurrent;
using System.Text;
using LineServer.Hosting;

namespace LineServer.Samples.Chat;

/// <summary>The members of the chat. All connections share it.</summary>
public sealed class ChatRoom
{
    private readonly ConcurrentDictionary<string, LineConnection> _members = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Adds a member. Returns false if the name is taken.</summary>
    public bool TryEnter(string name, LineConnection connection)
    {
        if (!_members.TryAdd(name, connection))
        {
            return false;
        }

        Tell($"* {name} is here", except: name);
        return true;
    }

    /// <summary>Removes a member and frees the name.</summary>
    public void Leave(string name)
    {
        if (_members.TryRemove(name, out _))
        {
            Tell($"* {name} has left", except: name);
        }
    }

    /// <summary>
    /// Sends a line to all members but one. A push never waits: a member that does not read misses lines, but
    /// delays nobody.
    /// </summary>
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
